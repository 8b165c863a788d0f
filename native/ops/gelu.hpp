// h = z Phi(z),  dh/dz = Phi(z) + z phi(z).
#pragma once
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Gelu {
  static constexpr const char* name = "gelu";
  static constexpr bool keeps_input = true;
  template <class T>
  LIKELIEST_INLINE static Vector<T> value(Vector<T> z, const T*) {
    return z * normal_cdf<T>(z);
  }
  template <class T>
  LIKELIEST_INLINE static Vector<T> derivative(Vector<T> z, const T*) {
    return normal_cdf<T>(z) + z * exp<T>(T(-0.5) * z * z) * T(0.39894228040143267794);  // 1 / sqrt(2 pi)
  }
};

}  // namespace likeliest::LIKELIEST_ISA
