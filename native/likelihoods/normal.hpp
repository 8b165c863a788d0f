// Normal:  log P(y | eta) = -z^2/2 - log(s) - log(2 pi)/2 with z = (y - mu) / s.
// eta: mu, and r = log of the squared scale unless that is fixed. s^2 = min_scale^2 + e^clip(r, -40, 40).
// constants: the fixed scale, or 0; min_scale.
#pragma once
#include "likelihoods/rowwise.hpp"
#include "likelihoods/scale.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Normal {
  static constexpr const char* name = "normal";

  template <class T>
  using Constants = Scale<T>;

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t components, const Vector<T>* y,
                                             const Scale<T>& scale, Vector<T>* score) {
    const SquaredScale<T> s = scale(eta + 1);
    const Vector<T> error = y[0] - eta[0], z2 = error * error * s.inverse;
    score[0] = error * s.inverse;
    if (components > 1) score[1] = T(0.5) * (z2 - T(1)) * s.share;
    return T(-0.5) * (z2 + s.log) - T(0.91893853320467274178);
  }
};

}  // namespace likeliest::LIKELIEST_ISA
