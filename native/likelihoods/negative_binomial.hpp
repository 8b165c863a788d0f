// Negative binomial, with r = 1 / alpha, t = log mu - log r and S(a) = log Gamma(a) - (a log a - a):
// log P(y | eta) = y log mu - y + (y + r) (log(1 + y/r) - log(1 + mu/r)) + S(y + r) - S(r) - log y!.
// eta: log mu, cut off at +-40, and log alpha unless that is fixed.
// constants: the fixed dispersion alpha, or 0.
#pragma once
#include "likelihoods/rowwise.hpp"
#include "likelihoods/shape.hpp"

namespace likeliest::LIKELIEST_ISA {

struct NegativeBinomial {
  static constexpr const char* name = "negative_binomial";

  template <class T>
  struct Inverse {
    Vector<T> log, r, slope;  // log r, r and d log alpha / dv
    Stirling<T> S;
    LIKELIEST_INLINE explicit Inverse(const Shape<T>& alpha)
        : log(-alpha.log), r(T(1) / alpha.value), slope(alpha.slope), S(r) {}
  };

  template <class T>
  struct Constants {
    ShapeSetting<T, Inverse<T>> dispersion;
    LIKELIEST_INLINE explicit Constants(const T* given) : dispersion(given[0]) {}
  };

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t components, const Vector<T>* y,
                                             const Constants<T>& constants, Vector<T>* score) {
    const Inverse<T> inverse = constants.dispersion(eta + 1);
    const Cut<T> log_mu(eta[0], T(kLogMean));
    const Vector<T> r = inverse.r, total = y[0] + r;
    const LogOdds<T> t(log_mu.value - inverse.log);
    const Stirling<T> S(total);
    const Vector<T> logs = log1p<T>(y[0] / r) + t.log_rest, by_mean = y[0] * t.rest - r * t.p;
    score[0] = by_mean * log_mu.slope;
    if (components > 1) score[1] = (by_mean - r * (logs + (S.slope - inverse.S.slope))) * inverse.slope;
    return y[0] * log_mu.value - y[0] + total * logs + (S.value - inverse.S.value) - log_factorial<T>(y[0]);
  }
};

}  // namespace likeliest::LIKELIEST_ISA
