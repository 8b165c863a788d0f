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

void permutation(Key stream, std::uint32_t n, std::uint32_t* out, std::uint64_t* scratch) noexcept {
  // Each example with its bits above its index. Sorted by the bits digit by digit, the lowest first; each pass keeps
  // the order of equals, so ties stay in order of index.
  std::uint64_t *from = scratch, *to = scratch + n;
  std::uint32_t starts[3][2048] = {};
  const std::uint32_t half = n / 2 + n % 2;
  const auto take = [&](std::uint32_t i, std::uint32_t bits) {
    from[i] = std::uint64_t(bits) << 32 | i;
    ++starts[0][bits & 2047], ++starts[1][bits >> 11 & 2047], ++starts[2][bits >> 22];
  };
  for (std::uint32_t i = 0; i < half; i += kSome) {
    std::uint32_t low[kSome], high[kSome];
    threefry(stream, i, low, high);
    for (std::uint32_t k = 0; k < kSome && i + k < half; ++k) {
      take(i + k, low[k]);
      if (half + i + k < n) take(half + i + k, high[k]);
    }
  }
  for (auto& digit : starts) {
    std::uint32_t sum = 0;
    for (std::uint32_t& start : digit) {
      const std::uint32_t count = start;
      start = sum;
      sum += count;
    }
  }
  for (std::uint32_t i = 0; i < n; ++i) to[starts[0][from[i] >> 32 & 2047]++] = from[i];
  for (std::uint32_t i = 0; i < n; ++i) from[starts[1][to[i] >> 43 & 2047]++] = to[i];
  for (std::uint32_t i = 0; i < n; ++i) out[starts[2][from[i] >> 54]++] = std::uint32_t(from[i]);
}

}  // namespace likeliest
