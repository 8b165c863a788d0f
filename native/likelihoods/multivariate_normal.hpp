// Multivariate Normal:  D = y - mu,  e_i = D_i - sum_{j<i} a_ij D_j,  s_i^2 = min_scale^2 + e^clip(r_i, -40, 40).
// log P = -(sum_i log(2 pi) + log s_i^2 + e_i^2 / s_i^2) / 2.
// With w_i = e_i / s_i^2:  d/d mu_j = w_j - sum_{i>j} a_ij w_i,  d/d a_ij = w_i D_j.
// eta: mu (d), r (d), a_21, a_31, a_32, a_41, ...
// constants: d, min_scale.
#pragma once
#include "likelihoods/rowwise.hpp"
#include "likelihoods/scale.hpp"

namespace likeliest::LIKELIEST_ISA {

struct MultivariateNormal {
  static constexpr const char* name = "multivariate_normal";

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t, const Vector<T>* y,
                                             const T* constants, Vector<T>* score) {
    constexpr T log_two_pi = T(1.83787706640934548356);
    const std::ptrdiff_t d = std::ptrdiff_t(constants[0]);
    const Vector<T>*mu = eta, *r = eta + d, *a = eta + 2 * d;
    Vector<T>*of_mu = score, *of_r = score + d, *of_a = score + 2 * d, total{};
    for (std::ptrdiff_t i = 0; i < d; ++i) {
      Vector<T> e = y[i] - mu[i];
      for (std::ptrdiff_t j = 0; j < i; ++j) e -= a[j] * (y[j] - mu[j]);
      const SquaredScale<T> s(r[i], constants[1] * constants[1]);
      const Vector<T> w = e * s.inverse, z2 = e * w;
      of_mu[i] = w;
      of_r[i] = T(0.5) * (z2 - T(1)) * s.share;
      for (std::ptrdiff_t j = 0; j < i; ++j) {
        of_mu[j] -= a[j] * w;
        of_a[j] = w * (y[j] - mu[j]);
      }
      total += log_two_pi + s.log + z2;
      a += i, of_a += i;
    }
    return T(-0.5) * total;
  }
};

}  // namespace likeliest::LIKELIEST_ISA
