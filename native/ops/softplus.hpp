// h = log(1 + e^z),  dh/dz = 1 / (1 + e^-z) = 1 - e^-h.
#pragma once
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Softplus {
  static constexpr const char* name = "softplus";
  static constexpr bool keeps_input = false;
  template <class T>
  LIKELIEST_INLINE static Vector<T> value(Vector<T> z, const T*) {
    return softplus<T>(z);
  }
  template <class T>
  LIKELIEST_INLINE static Vector<T> derivative(Vector<T> h, const T*) {
    return -expm1<T>(-h);
  }
};

}  // namespace likeliest::LIKELIEST_ISA
