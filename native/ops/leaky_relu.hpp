// h = z where z > 0, slope z elsewhere,  dh/dz = 1 where h > 0, else slope.
#pragma once
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

struct LeakyRelu {
  static constexpr const char* name = "leaky_relu";
  static constexpr bool keeps_input = false;
  template <class T>
  LIKELIEST_INLINE static Vector<T> value(Vector<T> z, const T* constants) {
    return z > T(0) ? z : z * constants[0];
  }
  template <class T>
  LIKELIEST_INLINE static Vector<T> derivative(Vector<T> h, const T* constants) {
    return h > T(0) ? broadcast(T(1)) : broadcast(constants[0]);
  }
};

}  // namespace likeliest::LIKELIEST_ISA
