#include "engine/random.hpp"

#include <algorithm>

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

void permutation(Key stream, std::uint32_t n, std::uint32_t* out, std::uint32_t* scratch) noexcept {
  std::uint32_t *bits = scratch, *bits2 = scratch + n, *order = scratch + 2 * std::size_t(n);
  const std::uint32_t half = n / 2 + n % 2;
  for (std::uint32_t i = 0; i < half; ++i) {
    const Key word = threefry(stream, {i, 0});
    bits[i] = word.low;
    if (half + i < n) bits[half + i] = word.high;
  }
  for (std::uint32_t i = 0; i < n; ++i) order[i] = i;
  // Sorted digit by digit, the lowest first; each pass keeps the order of equals, so ties stay in order of index.
  constexpr int digits[3] = {0, 11, 22};
  std::uint32_t* order2 = out;
  for (const int shift : digits) {
    std::uint32_t starts[2049] = {};
    for (std::uint32_t i = 0; i < n; ++i) ++starts[(bits[i] >> shift & 2047) + 1];
    for (int d = 0; d < 2048; ++d) starts[d + 1] += starts[d];
    for (std::uint32_t i = 0; i < n; ++i) {
      const std::uint32_t to = starts[bits[i] >> shift & 2047]++;
      bits2[to] = bits[i];
      order2[to] = order[i];
    }
    std::swap(bits, bits2);
    std::swap(order, order2);
  }
  // Three passes: the last one wrote into `out`.
}

}  // namespace likeliest
