// h = z where z > 0, alpha (e^z - 1) elsewhere,  dh/dz = 1 where h > 0, else alpha e^z = h + alpha.
#pragma once
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Elu {
  static constexpr const char* name = "elu";
  static constexpr bool keeps_input = false;
  template <class T>
  LIKELIEST_INLINE static Vector<T> value(Vector<T> z, const T* constants) {
    return z > T(0) ? z : expm1<T>(z) * constants[0];
  }
  template <class T>
  LIKELIEST_INLINE static Vector<T> derivative(Vector<T> h, const T* constants) {
    return h > T(0) ? broadcast(T(1)) : h + constants[0];
  }
};

}  // namespace likeliest::LIKELIEST_ISA
