#include "engine/random.hpp"

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

// Sorts n numbers by their upper half, digit by digit of so many bits, the lowest first; each pass keeps the order of
// equals, so ties stay in order of index. The lower halves go to `out`.
template <int BITS>
void sort(std::uint64_t* from, std::uint64_t* to, std::uint32_t n, std::uint32_t* out) noexcept {
  constexpr int passes = (32 + BITS - 1) / BITS, digits = 1 << BITS;
  std::uint32_t starts[passes][digits] = {};
  for (std::uint32_t i = 0; i < n; ++i)
    for (int pass = 0; pass < passes; ++pass) ++starts[pass][from[i] >> (32 + pass * BITS) & (digits - 1)];
  for (auto& digit : starts) {
    std::uint32_t sum = 0;
    for (std::uint32_t& start : digit) {
      const std::uint32_t count = start;
      start = sum;
      sum += count;
    }
  }
  for (int pass = 0; pass < passes; ++pass) {
    const int shift = 32 + pass * BITS;
    if (pass + 1 == passes) {
      for (std::uint32_t i = 0; i < n; ++i)
        out[starts[pass][from[i] >> shift & (digits - 1)]++] = std::uint32_t(from[i]);
    } else {
      for (std::uint32_t i = 0; i < n; ++i) to[starts[pass][from[i] >> shift & (digits - 1)]++] = from[i];
      std::uint64_t* swapped = from;
      from = to;
      to = swapped;
    }
  }
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
  n < 4096 ? sort<8>(from, to, n, out) : sort<11>(from, to, n, out);
}

}  // namespace likeliest
