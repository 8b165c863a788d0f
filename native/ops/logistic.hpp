// h = 1 / (1 + e^-z),  dh/dz = h (1 - h).
#pragma once
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Logistic {
  static constexpr const char* name = "logistic";
  static constexpr bool keeps_input = false;
  template <class T>
  LIKELIEST_INLINE static Vector<T> value(Vector<T> z, const T*) {
    return logistic<T>(z);
  }
  template <class T>
  LIKELIEST_INLINE static Vector<T> derivative(Vector<T> h, const T*) {
    return h * (T(1) - h);
  }
};

}  // namespace likeliest::LIKELIEST_ISA
