#include "engine/random.hpp"

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

// The words of the counters (first, 0), (first + 1, 0), ...: as above, in loops that the compiler makes registers of.
constexpr std::uint32_t kSome = 16;
void threefry(Key key, std::uint32_t first, std::uint32_t (&x0)[kSome], std::uint32_t (&x1)[kSome]) noexcept {
  constexpr int rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  const std::uint32_t k[3] = {key.low, key.high, key.low ^ key.high ^ 0x1BD11BDAu};
  for (std::uint32_t n = 0; n < kSome; ++n) x0[n] = first + n + k[0], x1[n] = k[1];
#pragma GCC unroll 5
  for (unsigned block = 0; block < 5; ++block) {
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const int by = rotations[block % 2][r];
      for (std::uint32_t n = 0; n < kSome; ++n) {
        x0[n] += x1[n];
        x1[n] = (x1[n] << by | x1[n] >> (32 - by)) ^ x0[n];
      }
    }
    for (std::uint32_t n = 0; n < kSome; ++n) {
      x0[n] += k[(block + 1) % 3];
      x1[n] += k[(block + 2) % 3] + block + 1;
    }
  }
}

}  // namespace

namespace {

// One pass of a sort by digits: by the bits from `shift` on, equals in the order they had.
template <int BITS>
void sort_by_digit(const std::uint64_t* from, std::uint64_t* to, std::uint32_t n, int shift) noexcept {
  constexpr std::uint32_t digits = 1u << BITS;
  std::uint32_t starts[digits + 1] = {};
  for (std::uint32_t i = 0; i < n; ++i) ++starts[(from[i] >> shift & (digits - 1)) + 1];
  for (std::uint32_t d = 0; d < digits; ++d) starts[d + 1] += starts[d];
  for (std::uint32_t i = 0; i < n; ++i) to[starts[from[i] >> shift & (digits - 1)]++] = from[i];
}

}  // namespace

void permutation(Key stream, std::uint32_t n, std::uint32_t* out, std::uint64_t* scratch) noexcept {
  // Each example with its bits above its index.
  std::uint64_t *from = scratch, *to = scratch + n;
  const std::uint32_t half = n / 2 + n % 2;
  for (std::uint32_t i = 0; i < half; i += kSome) {
    std::uint32_t low[kSome], high[kSome];
    threefry(stream, i, low, high);
    for (std::uint32_t k = 0; k < kSome && i + k < half; ++k) {
      from[i + k] = std::uint64_t(low[k]) << 32 | (i + k);
      if (half + i + k < n) from[half + i + k] = std::uint64_t(high[k]) << 32 | (half + i + k);
    }
  }
  if (n < 4096) {
    sort_by_digit<8>(from, to, n, 48);
    sort_by_digit<8>(to, from, n, 56);
  } else if (n < 1u << 18) {
    sort_by_digit<11>(from, to, n, 42);
    sort_by_digit<11>(to, from, n, 53);
  } else {
    sort_by_digit<11>(from, to, n, 32);
    sort_by_digit<11>(to, from, n, 43);
    sort_by_digit<10>(from, to, n, 54);
    std::swap(from, to);
  }
  // Sorted by the first bits of many, hardly any are out of place.
  for (std::uint32_t i = 1; i < n; ++i) {
    const std::uint64_t example = from[i];
    std::uint32_t k = i;
    for (; k > 0 && from[k - 1] > example; --k) from[k] = from[k - 1];
    from[k] = example;
  }
  for (std::uint32_t i = 0; i < n; ++i) out[i] = std::uint32_t(from[i]);
}

}  // namespace likeliest
