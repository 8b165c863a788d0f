// The scale of a distribution from its column of eta: s^2 = min_scale^2 + e^clip(r, -40, 40).
#pragma once
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

template <class T>
LIKELIEST_INLINE Vector<T> clip(Vector<T> x, T low, T high) {
  x = x < low ? broadcast(low) : x;  // a comparison with NaN is false, so a NaN passes
  return x > high ? broadcast(high) : x;
}

template <class T>
struct SquaredScale {
  Vector<T> inverse, log, share;  // 1 / s^2, log s^2 and d log s^2 / dr
  LIKELIEST_INLINE explicit SquaredScale(T fixed)
      : inverse(broadcast(T(1) / (fixed * fixed))),
        log(T(2) * ::likeliest::LIKELIEST_ISA::log<T>(broadcast(fixed))),
        share{} {}
  LIKELIEST_INLINE SquaredScale(Vector<T> r, T min_squared) {
    const Vector<T> clipped = clip<T>(r, T(-40), T(40)), e = exp<T>(clipped), squared = e + min_squared;
    inverse = T(1) / squared;
    log = min_squared == T(0) ? clipped : ::likeliest::LIKELIEST_ISA::log<T>(squared);
    share = clipped == r ? e * inverse : Vector<T>{} + (r - r);
  }
};

}  // namespace likeliest::LIKELIEST_ISA
