// h = x o keep / (1 - rate): the mask, and the product that goes both ways.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/random.hpp"

namespace likeliest::LIKELIEST_ISA {

template <class T>
void dropout_mask(Block<T> mask, std::ptrdiff_t width, std::ptrdiff_t first, std::uint32_t key0, std::uint32_t key1,
                  double rate) noexcept {
  const double words = rate * 4294967296.0;
  const std::uint32_t threshold = words >= 4294967295.0 ? 4294967295u : std::uint32_t(__builtin_rint(words));
  const T kept = T(1 / (1 - rate));
  for (std::ptrdiff_t i = 0; i < mask.rows; ++i) {
    T* row = mask.data + i * mask.stride;
    words_of_row(key0, key1, first + i, width,
                 [&](std::ptrdiff_t a, std::ptrdiff_t b, std::ptrdiff_t count, Words x0, Words x1) {
                   for (std::ptrdiff_t n = 0; n < count; ++n) row[a + n] = x0[n] >= threshold ? kept : T(0);
                   for (std::ptrdiff_t n = 0; n < count && b + n < width; ++n)
                     row[b + n] = x1[n] >= threshold ? kept : T(0);
                 });
  }
}

template <class T>
void hadamard(Block<const T> a, const T* b, T* out) noexcept {
  for (std::ptrdiff_t i = 0; i < a.rows; ++i)
    for (std::ptrdiff_t j = 0; j < a.columns; j += kLanes<T>)
      store(out + i * a.stride + j, load(a.data + i * a.stride + j) * load(b + i * a.stride + j));
}

}  // namespace likeliest::LIKELIEST_ISA
