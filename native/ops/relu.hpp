// h = max(z, 0),  dh/dz = 1 where h > 0, else 0. A NaN stays a NaN on the way there, and so shows in the
// log-likelihood: the comparison is false, and z * 0 is NaN.
#pragma once
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Relu {
  static constexpr const char* name = "relu";
  static constexpr bool keeps_input = false;
  template <class T>
  LIKELIEST_INLINE static Vector<T> value(Vector<T> z, const T*) {
    return of(z);
  }
  template <class V>
  LIKELIEST_INLINE static V of(V z) {
    return z > 0 ? z : z * 0;
  }
  template <class T>
  LIKELIEST_INLINE static Vector<T> chain(Vector<T> g, Vector<T> h) {
    return h > T(0) ? g : h;  // which is 0, or NaN
  }
};

}  // namespace likeliest::LIKELIEST_ISA
