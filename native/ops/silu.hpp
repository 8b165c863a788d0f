// h = z s,  dh/dz = s (1 + z (1 - s)),  with s = 1 / (1 + e^-z).
#pragma once
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Silu {
  static constexpr const char* name = "silu";
  static constexpr bool keeps_input = true;
  template <class T>
  LIKELIEST_INLINE static Vector<T> value(Vector<T> z, const T*) {
    return z * logistic<T>(z);
  }
  template <class T>
  LIKELIEST_INLINE static Vector<T> derivative(Vector<T> z, const T*) {
    const Vector<T> s = logistic<T>(z);
    return s * (z * (T(1) - s) + T(1));
  }
};

}  // namespace likeliest::LIKELIEST_ISA
