// Student's t:  log P(y | eta) = C(nu) - log(s^2)/2 - (nu + 1)/2 log(1 + z^2/nu) with z = (y - mu) / s.
// C(nu) = (nu + 1)/2 log(1 + 1/nu) - 1/2 - log(2 pi)/2 + S((nu + 1)/2) - S(nu/2),  S(a) = log Gamma(a) - (a log a - a).
// eta: mu, r = log of the squared scale and v = log nu, less those that are fixed.
// constants: the fixed scale, or 0; min_scale; the fixed nu, or 0; the columns of r and v.
#pragma once
#include "likelihoods/rowwise.hpp"
#include "likelihoods/shape.hpp"

namespace likeliest::LIKELIEST_ISA {

struct StudentT {
  static constexpr const char* name = "student_t";

  // nu, C(nu) and 2 C'(nu).
  template <class T>
  struct Degrees {
    Vector<T> nu, C, twice_slope, inside;
    LIKELIEST_INLINE explicit Degrees(const Shape<T>& shape) : nu(shape.value), inside(shape.slope) {
      const Vector<T> inverse = T(1) / nu, l = log1p<T>(inverse);
      const Stirling<T> above(T(0.5) * (nu + T(1))), below(T(0.5) * nu);
      C = T(0.5) * (nu + T(1)) * l - T(1.41893853320467274178) + (above.value - below.value);
      twice_slope = l - inverse + (above.slope - below.slope);
    }
  };

  template <class T>
  struct Constants {
    Scale<T> scale;
    ShapeSetting<T, Degrees<T>> degrees;
    std::ptrdiff_t r, v;
    LIKELIEST_INLINE explicit Constants(const T* given)
        : scale(given), degrees(given[2]), r(std::ptrdiff_t(given[3])), v(std::ptrdiff_t(given[4])) {}
  };

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t, const Vector<T>* y,
                                             const Constants<T>& constants, Vector<T>* score) {
    const SquaredScale<T> s = constants.scale(eta + constants.r);
    const Degrees<T> d = constants.degrees(eta + constants.v);
    const Vector<T> error = y[0] - eta[0], z2 = error * error * s.inverse;
    const Vector<T> pull = (d.nu + T(1)) / (d.nu + z2), l = log1p<T>(z2 / d.nu);
    score[0] = pull * error * s.inverse;
    if (constants.scale.given == T(0)) score[constants.r] = T(0.5) * (pull * z2 - T(1)) * s.share;
    if (constants.degrees.given == T(0))
      score[constants.v] = T(0.5) * (d.nu * (d.twice_slope - l) + pull * z2) * d.inside;
    return d.C - T(0.5) * (s.log + (d.nu + T(1)) * l);
  }
};

}  // namespace likeliest::LIKELIEST_ISA
