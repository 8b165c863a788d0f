// Laplace:  log P(y | eta) = -log 2 - log(b^2)/2 - |z| with z = (y - mu) / b.
// eta: mu, and r = log of the squared scale unless that is fixed. b^2 = min_scale^2 + e^clip(r, -40, 40).
// constants: the fixed scale, or 0; min_scale.
#pragma once
#include "likelihoods/rowwise.hpp"
#include "likelihoods/scale.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Laplace {
  static constexpr const char* name = "laplace";

  template <class T>
  using Constants = Scale<T>;

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t components, const Vector<T>* y,
                                             const Scale<T>& scale, Vector<T>* score) {
    const SquaredScale<T> s = scale(eta + 1);
    const Vector<T> inverse = square_root(s.inverse), z = (y[0] - eta[0]) * inverse, distance = magnitude<T>(z);
    score[0] = z > T(0) ? inverse : z < T(0) ? -inverse : z;  // 0 at the corner, a NaN for a NaN
    if (components > 1) score[1] = T(0.5) * (distance - T(1)) * s.share;
    return T(-0.69314718055994530942) - T(0.5) * s.log - distance;
  }
};

}  // namespace likeliest::LIKELIEST_ISA
