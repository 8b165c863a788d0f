// Weibull:  log P(y | eta) = delta (log k + z - log y) - E(z) with z = k (log y - log lambda).
// E(z) = e^z up to z = 12 and its tangent from there on. delta = 1 where y was observed, 0 where it is censored.
// eta: log lambda, cut off at +-40, and log k unless that is fixed. y: the time and, with censoring, delta.
// constants: the fixed shape k, or 0; 1 if y is censored.
#pragma once
#include "likelihoods/rowwise.hpp"
#include "likelihoods/shape.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Weibull {
  static constexpr const char* name = "weibull";

  template <class T>
  struct Constants {
    ShapeSetting<T, Shape<T>> shape;
    bool censored;
    LIKELIEST_INLINE explicit Constants(const T* given) : shape(given[0]), censored(given[1] > T(0)) {}
  };

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t components, const Vector<T>* y,
                                             const Constants<T>& constants, Vector<T>* score) {
    constexpr T tangent = T(12);
    const Shape<T> k = constants.shape(eta + 1);
    const Cut<T> log_lambda(eta[0], T(kLogMean));
    const Vector<T> log_y = log<T>(y[0]), z = k.value * (log_y - log_lambda.value);
    const Vector<T> slope = exp<T>(z > tangent ? broadcast(tangent) : z);  // E'(z)
    const Vector<T> observed = constants.censored ? y[1] : broadcast(T(1)), left = observed - slope;
    score[0] = -k.value * left * log_lambda.slope;
    if (components > 1) score[1] = (observed + z * left) * k.slope;
    return observed * (k.log + z - log_y) - (z > tangent ? slope * (T(1) + (z - tangent)) : slope);
  }
};

}  // namespace likeliest::LIKELIEST_ISA
