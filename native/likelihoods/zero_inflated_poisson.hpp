// Zero-inflated Poisson: 0 with probability pi = sigma(g), else Poisson(lambda). eta: log lambda, cut off at +-40; g.
// y = 0:  log P = log(pi + (1 - pi) e^-lambda)
// y > 0:  log P = log(1 - pi) + y log lambda - lambda - log y!
#pragma once
#include "kernels/special.hpp"
#include "likelihoods/rowwise.hpp"
#include "likelihoods/scale.hpp"

namespace likeliest::LIKELIEST_ISA {

struct ZeroInflatedPoisson {
  static constexpr const char* name = "zero_inflated_poisson";

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t, const Vector<T>* y, const T*,
                                             Vector<T>* score) {
    const Cut<T> log_rate(eta[0], T(kLogMean));
    const Vector<T> rate = exp<T>(log_rate.value), g = eta[1];
    const LogOdds<T> pi(g), odds(g + rate);  // pi, and of a 0 that it is an extra one
    // log(pi + (1 - pi) e^-lambda) = log pi + log(1 + e^-(g + lambda)) = (log(1 - pi) - lambda) + log(1 + e^(g +
    // lambda))
    const Vector<T> zero = g + rate > T(0) ? pi.log_p - odds.log_p : (pi.log_rest - rate) - odds.log_rest;
    const Vector<T> positive = pi.log_rest + y[0] * log_rate.value - rate - log_factorial<T>(y[0]);
    const auto none = y[0] == T(0);
    score[0] = (none ? -rate * odds.rest : y[0] - rate) * log_rate.slope;
    score[1] = none ? odds.p - pi.p : -pi.p;
    return none ? zero : positive;
  }
};

}  // namespace likeliest::LIKELIEST_ISA
