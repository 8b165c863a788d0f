// Mixture of Normals:  L_k = log pi_k - (log(2 pi) + log s_k^2 + z_k^2) / 2,  pi = softmax(l), z_k = (y - mu_k) / s_k.
// log P = log sum_k e^L_k.  With rho_k = e^(L_k - log P):  d/d l_k = rho_k - pi_k,  d/d mu_k = rho_k z_k / s_k,
// d/d r_k = rho_k (z_k^2 - 1) / 2 d log s_k^2 / dr_k.
// eta: l (K), mu (K), and r (K) unless the scale is fixed. s^2 = min_scale^2 + e^clip(r, -40, 40).
// constants: K; the fixed scale, or 0; min_scale.
#pragma once
#include "likelihoods/rowwise.hpp"
#include "likelihoods/scale.hpp"

namespace likeliest::LIKELIEST_ISA {

struct NormalMixture {
  static constexpr const char* name = "normal_mixture";

  template <class T>
  struct Constants {
    std::ptrdiff_t K;
    Scale<T> scale;
    LIKELIEST_INLINE explicit Constants(const T* given) : K(std::ptrdiff_t(given[0])), scale(given + 1) {}
  };

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t, const Vector<T>* y,
                                             const Constants<T>& constants, Vector<T>* score) {
    return constants.K == 3 ? evaluate<T, 3>(eta, y, constants, score) : evaluate<T, 0>(eta, y, constants, score);
  }

 private:
  // Of as many components as COUNT says, where it is not 0: loops of known length stay in registers.
  template <class T, int COUNT>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, const Vector<T>* y, const Constants<T>& constants,
                                             Vector<T>* score) {
    const std::ptrdiff_t K = COUNT > 0 ? COUNT : constants.K;
    const Vector<T>*l = eta, *mu = eta + K, *r = eta + 2 * K;
    Vector<T>*of_l = score, *of_mu = score + K, *of_r = score + 2 * K;
    // softmax(l): e^(l - top) waits where the score of l will be.
    Vector<T> top = l[0], all{};
#pragma GCC unroll 3
    for (std::ptrdiff_t k = 1; k < K; ++k) top = l[k] > top ? l[k] : top;
#pragma GCC unroll 3
    for (std::ptrdiff_t k = 0; k < K; ++k) all += of_l[k] = exp<T>(l[k] - top);
    // d log s^2 / dr waits where the score of r will be, if r is a column, and the first few 1 / s^2 here.
    constexpr std::ptrdiff_t kept = 8;
    Vector<T> inverse[kept];
    const bool fixed = constants.scale.given > T(0);
    const auto scale = [&](std::ptrdiff_t k) __attribute__((always_inline)) { return constants.scale(r + k); };
    // Of L, without what all have in common, the same: L, and then e^(L - highest), where the score of mu will be.
    Vector<T> highest = broadcast(T(-__builtin_inf())), some{};
#pragma GCC unroll 3
    for (std::ptrdiff_t k = 0; k < K; ++k) {
      const SquaredScale<T> s = scale(k);
      if (!fixed) of_r[k] = s.share;
      if (k < kept) inverse[k] = s.inverse;
      const Vector<T> error = y[0] - mu[k];
      of_mu[k] = (l[k] - top) - T(0.5) * (error * error * s.inverse + s.log);
      highest = of_mu[k] > highest ? of_mu[k] : highest;
    }
#pragma GCC unroll 3
    for (std::ptrdiff_t k = 0; k < K; ++k) some += of_mu[k] = exp<T>(of_mu[k] - highest);
    const Vector<T> both = T(1) / (some * all), share = both * all, share_before = both * some;
#pragma GCC unroll 3
    for (std::ptrdiff_t k = 0; k < K; ++k) {
      const Vector<T> error = y[0] - mu[k], rho = of_mu[k] * share;
      const Vector<T> scaled = error * (k < kept ? inverse[k] : scale(k).inverse);
      of_l[k] = rho - of_l[k] * share_before;
      of_mu[k] = rho * scaled;
      if (!fixed) of_r[k] = T(0.5) * rho * (error * scaled - T(1)) * of_r[k];
    }
    return highest + log<T>(some * share_before) - T(0.91893853320467274178);
  }
};

}  // namespace likeliest::LIKELIEST_ISA
