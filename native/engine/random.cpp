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

void permutation(const Table<float>& table, Key stream, std::uint32_t n, std::uint32_t* out) noexcept {
  std::uint32_t i = 0;
  const auto put = [&](std::uint32_t bits) {
    const auto place = std::uint32_t(std::uint64_t(bits) * (i + 1) >> 32);
    out[i] = out[place];
    out[place] = i++;
  };
  std::uint32_t low[kDrawn], high[kDrawn];
  for (std::uint32_t first = 0; i < n; first += kDrawn) {
    table.draw(stream.low, stream.high, first, low, high);
    const std::uint32_t pairs = std::min<std::uint32_t>(kDrawn, (n - i) / 2);
    for (std::uint32_t k = 0; k < pairs; ++k) put(low[k]), put(high[k]);
    if (n - i == 1 && pairs < kDrawn) put(low[pairs]);
  }
}

}  // namespace likeliest
