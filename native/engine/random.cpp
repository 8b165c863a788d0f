#include "engine/random.hpp"

#include <algorithm>
#include <utility>

namespace likeliest {

Key threefry(Key key, Key counter) noexcept {
  constexpr int rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  const std::uint32_t k[3] = {key.low, key.high, key.low ^ key.high ^ 0x1BD11BDAu};
  std::uint32_t x0 = counter.low + k[0], x1 = counter.high + k[1];
#pragma GCC unroll 5
  for (unsigned block = 0; block < 5; ++block) {
#pragma GCC unroll 4
    for (const int r : rotations[block % 2]) {
      x0 += x1;
      x1 = (x1 << r | x1 >> (32 - r)) ^ x0;
    }
    x0 += k[(block + 1) % 3];
    x1 += k[(block + 2) % 3] + block + 1;
  }
  return {x0, x1};
}

namespace {

// How a sort by digits goes on: where the numbers of each digit begin. All digits are counted as the numbers are drawn.
template <int BITS>
struct Digits {
  static constexpr std::uint32_t count = 1u << BITS;
  int shift;
  std::uint32_t starts[count] = {};

  explicit Digits(int shift) : shift(shift) {}
  std::uint32_t of(std::uint64_t example) const { return std::uint32_t(example >> shift) & (count - 1); }
  void see(std::uint64_t example, std::uint32_t times) { starts[of(example)] += times; }
  // Equals keep the order they had.
  void sort(const std::uint64_t* from, std::uint64_t* to, std::uint32_t n) {
    std::uint32_t next = 0;
    for (std::uint32_t& start : starts) start = std::exchange(next, next + start);
    for (std::uint32_t i = 0; i < n; ++i) to[starts[of(from[i])]++] = from[i];
  }
};

struct Part {
  std::uint32_t index, count;
};

// Draws the examples' bits and sorts those of a part by so many digits of them, the last one first.
template <bool WHOLE, class... D>
void sort(const Table<float>& table, Key stream, std::uint32_t n, Part part, std::uint32_t* out, std::uint64_t* scratch,
          D... digits) noexcept {
  // Each example with its bits above its index.
  std::uint64_t *from = scratch, *to = scratch + n;
  const std::uint32_t half = n / 2 + n % 2;
  std::uint32_t mine = 0, before = 0;
  const auto put = [&](std::uint32_t i, std::uint32_t bits) {
    const std::uint64_t example = std::uint64_t(bits) << 32 | i;
    if constexpr (WHOLE) {
      from[i] = example;
      (digits.see(example, 1), ...);
    } else {  // without a decision, of which every second one would come as a surprise
      const auto of = std::uint32_t(std::uint64_t(bits) * part.count >> 32);
      const std::uint32_t takes = of == part.index;
      from[mine] = example;
      (digits.see(example, takes), ...);
      mine += takes, before += of < part.index;
    }
  };
  for (std::uint32_t i = 0; i < half; i += kDrawn) {
    std::uint32_t low[kDrawn], high[kDrawn];
    table.draw(stream.low, stream.high, i, low, high);
    const std::uint32_t firsts = std::min<std::uint32_t>(kDrawn, half - i);
    const std::uint32_t seconds = std::min<std::uint32_t>(kDrawn, n - half - std::min(i, n - half));
    for (std::uint32_t k = 0; k < firsts; ++k) put(i + k, low[k]);
    for (std::uint32_t k = 0; k < seconds; ++k) put(half + i + k, high[k]);
  }
  if constexpr (WHOLE) mine = n;
  (
      [&] {
        digits.sort(from, to, mine);
        std::swap(from, to);
      }(),
      ...);
  // Sorted by the first bits of many, hardly any are out of place.
  for (std::uint32_t i = 1; i < mine; ++i) {
    const std::uint64_t example = from[i];
    if (from[i - 1] <= example) continue;
    std::uint32_t k = i;
    for (; k > 0 && from[k - 1] > example; --k) from[k] = from[k - 1];
    from[k] = example;
  }
  for (std::uint32_t i = 0; i < mine; ++i) out[before + i] = std::uint32_t(from[i]);
}

template <bool WHOLE>
void permutation(const Table<float>& table, Key stream, std::uint32_t n, Part part, std::uint32_t* out,
                 std::uint64_t* scratch) noexcept {
  if (n < 1u << 12)
    sort<WHOLE>(table, stream, n, part, out, scratch, Digits<8>(48), Digits<8>(56));
  else if (n < 1u << 17)
    sort<WHOLE>(table, stream, n, part, out, scratch, Digits<9>(46), Digits<9>(55));
  else if (n < 1u << 20)
    sort<WHOLE>(table, stream, n, part, out, scratch, Digits<10>(44), Digits<10>(54));
  else
    sort<WHOLE>(table, stream, n, part, out, scratch, Digits<11>(32), Digits<11>(43), Digits<10>(54));
}

}  // namespace

void permutation(const Table<float>& table, Key stream, std::uint32_t n, std::uint32_t* out, std::uint64_t* scratch,
                 std::uint32_t part, std::uint32_t parts) noexcept {
  if (parts == 1)
    permutation<true>(table, stream, n, {0, 1}, out, scratch);
  else
    permutation<false>(table, stream, n, {part, parts}, out, scratch);
}

}  // namespace likeliest
