// v <- momentum v + g,  theta <- theta + rate (g + momentum v).
#pragma once
#include "kernels/vector.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Nesterov {
  static constexpr const char* name = "nesterov";
  static constexpr int slots = 1;
  template <class T>
  static void constants(const double* h, double, T* c) noexcept {
    c[0] = T(h[0]);
    c[1] = T(h[1]);
  }
  template <class T>
  static void step(T* theta, const T* g, T* velocity, T*, std::ptrdiff_t count, const T* c) noexcept {
    for (std::ptrdiff_t i = 0; i < count; i += kLanes<T>) {
      const Vector<T> gi = load(g + i), v = c[1] * load(velocity + i) + gi;
      store(velocity + i, v);
      store(theta + i, load(theta + i) + c[0] * (gi + c[1] * v));
    }
  }
};

}  // namespace likeliest::LIKELIEST_ISA
