// h = x + scale epsilon, epsilon standard normal by Box and Muller: a pair of words gives one number to each half of a
// row.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/random.hpp"

namespace likeliest::LIKELIEST_ISA {

template <class T>
void add_noise(Block<T> x, std::ptrdiff_t width, std::ptrdiff_t first, std::uint32_t key0, std::uint32_t key1,
               T scale) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const std::ptrdiff_t half = (width + 1) / 2;
  for (std::ptrdiff_t i = 0; i < x.rows; ++i) {
    T* row = x.data + i * x.stride;
    words_of_row(key0, key1, first + i, 2 * half,
                 [&](std::ptrdiff_t a, std::ptrdiff_t b, std::ptrdiff_t count, Words x0, Words x1) {
                   for (std::ptrdiff_t from = 0; from < count; from += lanes) {
                     Vector<T> u, v;
                     for (std::ptrdiff_t n = 0; n < lanes; ++n) {
                       u[n] = T((double(x0[from + n]) + 0.5) * 0x1p-32);
                       v[n] = T((double(x1[from + n]) + 0.5) * 0x1p-32);
                     }
                     Vector<T> sine, cosine;
                     sin_cos_of_turn<T>(v, sine, cosine);
                     const Vector<T> radius = scale * square_root(T(-2) * log<T>(u));
                     const Vector<T> left = radius * cosine, right = radius * sine;
                     for (std::ptrdiff_t n = 0; n < lanes && from + n < count; ++n) {
                       row[a + from + n] += left[n];
                       if (b + from + n < width) row[b + from + n] += right[n];
                     }
                   }
                 });
  }
}

}  // namespace likeliest::LIKELIEST_ISA
