// Quantile:  q_1 = eta_1, q_k = q_{k-1} + softplus(eta_k).
// log P = sum_k log(tau_k (1 - tau_k) / s) - (y - q_k) (tau_k - [y < q_k]) / s.
// With D_k = d log P / d q_k:  d/d eta_1 = sum_k D_k,  d/d eta_j = sigma(eta_j) sum_{k >= j} D_k.
// constants: s, the sum of the logs, tau_1 ... tau_K.
#pragma once
#include "likelihoods/rowwise.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Quantile {
  static constexpr const char* name = "quantile";

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t components, const Vector<T>* y,
                                             const T* constants, Vector<T>* score) {
    const T inverse = T(1) / constants[0], *tau = constants + 2;
    Vector<T> log_p = broadcast(constants[1]), q{}, after{};
    for (std::ptrdiff_t k = 0; k < components; ++k) {
      q += k == 0 ? eta[0] : softplus<T>(eta[k]);
      const Vector<T> u = y[0] - q, D = (u < T(0) ? broadcast(tau[k] - T(1)) : broadcast(tau[k]) + T(0) * u) * inverse;
      score[k] = D;
      log_p -= u * D;
    }
    for (std::ptrdiff_t j = components - 1; j >= 0; --j) {
      after += score[j];
      score[j] = j == 0 ? after : after * logistic<T>(eta[j]);
    }
    return log_p;
  }
};

}  // namespace likeliest::LIKELIEST_ISA
