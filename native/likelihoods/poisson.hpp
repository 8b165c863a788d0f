// Poisson:  log P(y | eta) = y log mu - mu - log y!,  d log P / d eta = y - mu,  mu = lambda E, lambda = e^eta.
// y: the count and, where there is one, its exposure E; else E = 1. eta is cut off at +-40.
// constants: 1 if y has an exposure.
#pragma once
#include "kernels/special.hpp"
#include "likelihoods/rowwise.hpp"
#include "likelihoods/scale.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Poisson {
  static constexpr const char* name = "poisson";

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t, const Vector<T>* y,
                                             const T* constants, Vector<T>* score) {
    const Cut<T> cut(eta[0], T(kLogMean));
    Vector<T> log_mu = cut.value, mu = exp<T>(log_mu);
    if (constants[0] > T(0)) log_mu += log<T>(y[1]), mu *= y[1];
    score[0] = (y[0] - mu) * cut.slope;
    return y[0] * log_mu - mu - log_factorial<T>(y[0]);
  }
};

}  // namespace likeliest::LIKELIEST_ISA
