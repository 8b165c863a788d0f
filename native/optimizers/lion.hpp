// u = sign(beta1 m + (1 - beta1) g),  theta <- theta + rate (u - decay theta),  m <- beta2 m + (1 - beta2) g.
#pragma once
#include "kernels/vector.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Lion {
  static constexpr const char* name = "lion";
  static constexpr int slots = 1;
  template <class T>
  static void constants(const double* h, double, T* c) noexcept {
    const double rate = h[0], beta1 = h[1], beta2 = h[2], decay = h[3];
    c[0] = T(rate);
    c[1] = T(beta1);
    c[2] = T(1 - beta1);
    c[3] = T(beta2);
    c[4] = T(1 - beta2);
    c[5] = T(rate * decay);
  }
  template <class T>
  static void step(T* theta, const T* g, T* m, T*, std::ptrdiff_t count, const T* c) noexcept {
    for (std::ptrdiff_t i = 0; i < count; i += kLanes<T>) {
      const Vector<T> gi = load(g + i), mi = load(m + i), start = load(theta + i);
      const Vector<T> z = c[1] * mi + c[2] * gi;
      const Vector<T> u = z > T(0) ? broadcast(T(1)) : z < T(0) ? broadcast(T(-1)) : z;  // 0 and NaN stay what they are
      store(m + i, c[3] * mi + c[4] * gi);
      store(theta + i, start - c[5] * start + c[0] * u);
    }
  }
};

}  // namespace likeliest::LIKELIEST_ISA
