// Random numbers for masks, noise and the order of the examples: the words that likeliest/random.py draws, a register
// of counters at a time.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

typedef std::uint32_t Words __attribute__((vector_size(kBytes)));
inline constexpr std::ptrdiff_t kWords = kBytes / 4;

// first, first + 1, ...
LIKELIEST_INLINE Words count_from(std::uint32_t first) {
  Words lane;
  for (std::ptrdiff_t n = 0; n < kWords; ++n) lane[n] = std::uint32_t(n);
  return lane + first;
}

// Threefry-2x32 with 20 rounds on the counters (x0, x1), which are replaced.
LIKELIEST_INLINE void threefry(std::uint32_t key0, std::uint32_t key1, Words& x0, Words& x1) {
  constexpr int rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  const std::uint32_t k[3] = {key0, key1, key0 ^ key1 ^ 0x1BD11BDAu};
  x0 += k[0];
  x1 += k[1];
#pragma GCC unroll 5
  for (int block = 0; block < 5; ++block) {
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const int by = rotations[block % 2][r];
      x0 += x1;
      x1 = ((x1 << by) | (x1 >> (32 - by))) ^ x0;
    }
    x0 += k[(block + 1) % 3];
    x1 += k[(block + 2) % 3] + std::uint32_t(block + 1);
  }
}

// Hands the words of row i of a minibatch with `width` numbers a row to take(j, word of j, half + j, word of half + j).
// half + j may be width, for the last pair of an odd row.
template <class F>
LIKELIEST_INLINE void words_of_row(std::uint32_t key0, std::uint32_t key1, std::ptrdiff_t i, std::ptrdiff_t width,
                                   F&& take) {
  const std::ptrdiff_t half = (width + 1) / 2;
  for (std::ptrdiff_t j = 0; j < half; j += kWords) {
    Words x0 = Words{} + std::uint32_t(i), x1 = count_from(std::uint32_t(j));
    threefry(key0, key1, x0, x1);
    const std::ptrdiff_t count = half - j < kWords ? half - j : kWords;
    take(j, half + j, count, x0, x1);
  }
}

// The words of the counters (first, 0), (first + 1, 0), ..., as many as kDrawn says.
inline void draw(std::uint32_t key0, std::uint32_t key1, std::uint32_t first, std::uint32_t* low,
                 std::uint32_t* high) noexcept {
  static_assert(kDrawn % kWords == 0);
  for (std::ptrdiff_t i = 0; i < kDrawn; i += kWords) {
    Words x0 = count_from(first + std::uint32_t(i)), x1{};
    threefry(key0, key1, x0, x1);
    __builtin_memcpy(low + i, &x0, sizeof x0);
    __builtin_memcpy(high + i, &x1, sizeof x1);
  }
}

}  // namespace likeliest::LIKELIEST_ISA
