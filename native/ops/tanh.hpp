// h = tanh z,  dh/dz = 1 - h^2 = (1 - h) (1 + h).
#pragma once
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Tanh {
  static constexpr const char* name = "tanh";
  static constexpr bool keeps_input = false;
  template <class T>
  LIKELIEST_INLINE static Vector<T> value(Vector<T> z, const T*) {
    return tanh<T>(z);
  }
  template <class T>
  LIKELIEST_INLINE static Vector<T> derivative(Vector<T> h, const T*) {
    return (T(1) - h) * (T(1) + h);
  }
};

}  // namespace likeliest::LIKELIEST_ISA
