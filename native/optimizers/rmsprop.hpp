// v <- decay v + (1 - decay) g^2,  theta <- theta + rate g / (sqrt(v) + epsilon).
#pragma once
#include "kernels/vector.hpp"

namespace likeliest::LIKELIEST_ISA {

struct RMSProp {
  static constexpr const char* name = "rmsprop";
  static constexpr int slots = 1;
  template <class T>
  static void constants(const double* h, double, T* c) noexcept {
    c[0] = T(h[0]);
    c[1] = T(h[1]);
    c[2] = T(1 - h[1]);
    c[3] = T(h[2]);
  }
  template <class T>
  static void step(T* theta, const T* g, T* mean, T*, std::ptrdiff_t count, const T* c) noexcept {
    for (std::ptrdiff_t i = 0; i < count; i += kLanes<T>) {
      const Vector<T> gi = load(g + i), v = c[1] * load(mean + i) + c[2] * (gi * gi);
      store(mean + i, v);
      store(theta + i, load(theta + i) + c[0] * gi / (square_root(v) + c[3]));
    }
  }
};

}  // namespace likeliest::LIKELIEST_ISA
