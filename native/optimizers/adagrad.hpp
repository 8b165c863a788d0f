// s <- s + g^2,  theta <- theta + rate g / (sqrt(s) + epsilon).
#pragma once
#include "kernels/vector.hpp"

namespace likeliest::LIKELIEST_ISA {

struct AdaGrad {
  static constexpr const char* name = "adagrad";
  static constexpr int slots = 1;
  template <class T>
  static void constants(const double* h, double, T* c) noexcept {
    c[0] = T(h[0]);
    c[1] = T(h[1]);
  }
  template <class T>
  static void step(T* theta, const T* g, T* sum, T*, std::ptrdiff_t count, const T* c) noexcept {
    for (std::ptrdiff_t i = 0; i < count; i += kLanes<T>) {
      const Vector<T> gi = load(g + i), s = load(sum + i) + gi * gi;
      store(sum + i, s);
      store(theta + i, load(theta + i) + c[0] * gi / (square_root(s) + c[1]));
    }
  }
};

}  // namespace likeliest::LIKELIEST_ISA
