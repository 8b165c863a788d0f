// Beta:  log P(y | eta) = a A + b B - log y(1 - y) + S(phi) - S(a) - S(b) with a = phi mu, b = phi (1 - mu),
// A = log y - log mu, B = log(1 - y) - log(1 - mu),  S(a) = log Gamma(a) - (a log a - a).
// eta: the logit of mu, cut off at +-40, and log phi unless that is fixed.
// constants: the fixed concentration phi, or 0.
#pragma once
#include "likelihoods/rowwise.hpp"
#include "likelihoods/shape.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Beta {
  static constexpr const char* name = "beta";

  template <class T>
  struct Constants {
    ShapeSetting<T, StirlingShape<T>> concentration;
    LIKELIEST_INLINE explicit Constants(const T* given) : concentration(given[0]) {}
  };

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t components, const Vector<T>* y,
                                             const Constants<T>& constants, Vector<T>* score) {
    const StirlingShape<T> phi = constants.concentration(eta + 1);
    const Cut<T> m(eta[0], T(kLogMean));
    const LogOdds<T> mu(m.value);
    const Vector<T> a = phi.value * mu.p, b = phi.value * mu.rest;
    const Stirling<T> Sa(a), Sb(b);
    const Vector<T> log_y = log<T>(y[0]), log_z = log1p<T>(-y[0]), A = log_y - mu.log_p, B = log_z - mu.log_rest;
    score[0] = a * mu.rest * ((A - Sa.slope) - (B - Sb.slope)) * m.slope;
    if (components > 1) score[1] = (a * (A - Sa.slope) + b * (B - Sb.slope) + phi.value * phi.S.slope) * phi.slope;
    return a * A + b * B - log_y - log_z + (phi.S.value - Sa.value - Sb.value);
  }
};

}  // namespace likeliest::LIKELIEST_ISA
