// The scale of a distribution: a number that is given, or from its column of eta: s^2 = min_scale^2 + e^clip(r, -40,
// 40).
#pragma once
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

template <class T>
LIKELIEST_INLINE Vector<T> clip(Vector<T> x, T low, T high) {
  return between(x, broadcast(low), broadcast(high));
}

// A column of eta, cut off at +-bound, and the derivative of that: 1, or 0 where it is cut off.
template <class T>
struct Cut {
  Vector<T> value, slope;
  LIKELIEST_INLINE Cut(Vector<T> x, T bound) : value(clip<T>(x, -bound, bound)) {
    slope = value == x ? broadcast(T(1)) : x - x;  // of a NaN it is NaN
  }
};
inline constexpr double kLogMean = 40;  // the bound of logs of rates, means and squared scales

template <class T>
struct SquaredScale {
  Vector<T> inverse, log, share;  // 1 / s^2, log s^2 and d log s^2 / dr
  SquaredScale() = default;
  // A copy is of registers. The compiler's own is of halves, in memory, and a register is not loaded from these at
  // once.
  LIKELIEST_INLINE SquaredScale(const SquaredScale& s) : inverse(s.inverse), log(s.log), share(s.share) {}
  SquaredScale& operator=(const SquaredScale&) = default;
  LIKELIEST_INLINE SquaredScale(Vector<T> r, T min_squared) {
    const Cut<T> cut(r, T(kLogMean));
    if (min_squared == T(0)) {
      inverse = exp<T, Far::no>(-cut.value), log = cut.value, share = cut.slope;
      return;
    }
    const Vector<T> e = exp<T, Far::no>(cut.value), squared = e + min_squared;
    inverse = T(1) / squared;
    log = ::likeliest::LIKELIEST_ISA::log<T>(squared);
    share = e * inverse * cut.slope;
  }
  LIKELIEST_INLINE explicit SquaredScale(T s)
      : inverse(broadcast(T(1) / (s * s))), log(broadcast(T(2 * __builtin_log(double(s))))), share{} {}
};

// constants: the scale that is given, or 0 where it is a column; min_scale.
template <class T>
struct Scale {
  T given, min_squared;
  SquaredScale<T> fixed;  // if a scale is given
  LIKELIEST_INLINE explicit Scale(const T* constants) : given(constants[0]), min_squared(constants[1] * constants[1]) {
    if (given > T(0)) fixed = SquaredScale<T>(given);
  }
  LIKELIEST_INLINE SquaredScale<T> operator()(const Vector<T>* r) const {
    return given > T(0) ? fixed : SquaredScale<T>(*r, min_squared);
  }
};

}  // namespace likeliest::LIKELIEST_ISA
