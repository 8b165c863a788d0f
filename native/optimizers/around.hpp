// What surrounds an optimizer's step: an average of theta, the length of the gradient, columns that may not get long.
#pragma once
#include "kernels/vector.hpp"

namespace likeliest::LIKELIEST_ISA {

// average <- average + rate (theta - average).
template <class T>
void blend(T* average, const T* theta, std::ptrdiff_t count, T rate) noexcept {
  for (std::ptrdiff_t i = 0; i < count; i += kLanes<T>) {
    const Vector<T> a = load(average + i);
    store(average + i, a + rate * (load(theta + i) - a));
  }
}

template <class T>
double sum_of_squares(const T* g, std::ptrdiff_t count) noexcept {
  double total = 0;
  for (std::ptrdiff_t i = 0; i < count; i += kLanes<T>) {
    const Vector<T> v = load(g + i);
    for (std::ptrdiff_t n = 0; n < kLanes<T>; ++n) total += double(v[n]) * double(v[n]);
  }
  return total;
}

template <class T>
void multiply_by(T* g, std::ptrdiff_t count, T factor) noexcept {
  for (std::ptrdiff_t i = 0; i < count; i += kLanes<T>) store(g + i, load(g + i) * factor);
}

// Panels [begin, end) of W (height x columns): columns longer than `longest` are scaled back to it.
template <class T>
void limit_columns(T* W, std::ptrdiff_t height, std::ptrdiff_t columns, std::ptrdiff_t begin, std::ptrdiff_t end,
                   T longest) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>, width = 2 * lanes;
  for (std::ptrdiff_t p = begin; p < end; ++p) {
    const std::ptrdiff_t stride = columns - p * width <= lanes ? lanes : width;
    T* panel = W + p * height * width;
    for (std::ptrdiff_t j = 0; j < stride; j += lanes) {
      Vector<T> squares{};
      for (std::ptrdiff_t i = 0; i < height; ++i) {
        const Vector<T> w = load(panel + i * stride + j);
        squares += w * w;
      }
      const Vector<T> length = square_root(squares);
      const Vector<T> factor = length > longest ? longest / length : broadcast(T(1));
      for (std::ptrdiff_t i = 0; i < height; ++i) store(panel + i * stride + j, load(panel + i * stride + j) * factor);
    }
  }
}

}  // namespace likeliest::LIKELIEST_ISA
