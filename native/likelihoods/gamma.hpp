// Gamma:  log P(y | eta) = a (u - (e^u - 1)) - log y - S(a) with u = log y - log mu,  S(a) = log Gamma(a) - (a log a -
// a). eta: log mu, cut off at +-40, and log a unless that is fixed. constants: the fixed shape a, or 0.
#pragma once
#include "likelihoods/rowwise.hpp"
#include "likelihoods/shape.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Gamma {
  static constexpr const char* name = "gamma";

  template <class T>
  struct Constants {
    ShapeSetting<T, StirlingShape<T>> shape;
    LIKELIEST_INLINE explicit Constants(const T* given) : shape(given[0]) {}
  };

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t components, const Vector<T>* y,
                                             const Constants<T>& constants, Vector<T>* score) {
    constexpr T highest = Limits<T>::exp_high - T(1);  // beyond, e^u overflows
    const StirlingShape<T> a = constants.shape(eta + 1);
    const Cut<T> log_mu(eta[0], T(kLogMean));
    const Vector<T> log_y = log<T>(y[0]), u = log_y - log_mu.value;
    const Vector<T> e = expm1<T>(u > highest ? broadcast(highest) : u);
    score[0] = a.value * e * log_mu.slope;
    if (components > 1) score[1] = a.value * (u - e - a.S.slope) * a.slope;
    return a.value * (u - e) - log_y - a.S.value;
  }
};

}  // namespace likeliest::LIKELIEST_ISA
