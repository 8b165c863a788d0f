// Mixture of Normals:  L_k = log pi_k - (log(2 pi) + log s_k^2 + z_k^2) / 2,  with pi = softmax(0, l) and
// z_k = (y - mu_k) / s_k.  log P = log sum_k e^L_k.  With rho_k = e^(L_k - log P):
// d/d l_k = rho_k - pi_k (k > 1),  d/d mu_k = rho_k z_k / s_k,  d/d r_k = rho_k (z_k^2 - 1) / 2 d log s_k^2 / dr_k.
// eta: l (K - 1), mu (K), and r (K) unless the scale is fixed. s^2 = min_scale^2 + e^clip(r, -40, 40).
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
    Vector<T> log_p[1];
    constants.K == 3 ? evaluate<T, 3, 1, 0>(eta, y, constants, score, log_p)
                     : evaluate<T, 0, 1, 0>(eta, y, constants, score, log_p);
    return log_p[0];
  }
  // Of three components, each with its scale: exponentials wait for each other, but not for those of other rows.
  static constexpr std::ptrdiff_t kAtOnce = 2, kWidthAtOnce = 8;
  template <class T, std::ptrdiff_t STEP>
  LIKELIEST_INLINE static void evaluate_at_once(const Vector<T>* eta, const Vector<T>* y, const Constants<T>& constants,
                                                Vector<T>* score, Vector<T>* log_p) {
    evaluate<T, 3, kAtOnce, STEP>(eta, y, constants, score, log_p);
  }

 private:
  // Of as many components as COUNT says, where it is not 0 (loops of known length stay in registers), for U registers
  // of rows, which take turns and stand `STEP` apart.
  template <class T, int COUNT, std::ptrdiff_t U, std::ptrdiff_t STEP>
  LIKELIEST_INLINE static void evaluate(const Vector<T>* eta, const Vector<T>* y, const Constants<T>& constants,
                                        Vector<T>* score, Vector<T>* log_p) {
    const std::ptrdiff_t K = COUNT > 0 ? COUNT : constants.K;
    const auto each = [](auto&& what) __attribute__((always_inline)) {
#pragma GCC unroll 2
      for (std::ptrdiff_t u = 0; u < U; ++u) what(u);
    };
    const auto component = [K, &each](std::ptrdiff_t first, auto&& what) __attribute__((always_inline)) {
#pragma GCC unroll 3
      for (std::ptrdiff_t k = first; k < K; ++k)
        each([&](std::ptrdiff_t u) __attribute__((always_inline)) { what(u, k); });
    };
    // softmax(0, l): e^(l - top) waits where the score of l will be.
    Vector<T> top[U], all[U], highest[U], some[U];
    each([&](std::ptrdiff_t u) __attribute__((always_inline)) {
      top[u] = Vector<T>{}, highest[u] = broadcast(T(-__builtin_inf())), some[u] = Vector<T>{};
    });
    component(1, [&](std::ptrdiff_t u, std::ptrdiff_t k) __attribute__((always_inline)) {
      const Vector<T> l = eta[u * STEP + k - 1];
      top[u] = l > top[u] ? l : top[u];
    });
    each([&](std::ptrdiff_t u) __attribute__((always_inline)) { all[u] = exp<T, Far::below>(-top[u]); });
    component(1, [&](std::ptrdiff_t u, std::ptrdiff_t k) __attribute__((always_inline)) {
      all[u] += score[u * STEP + k - 1] = exp<T, Far::below>(eta[u * STEP + k - 1] - top[u]);
    });
    // d log s^2 / dr waits where the score of r will be, if r is a column, and the first few 1 / s^2 here.
    constexpr std::ptrdiff_t kept = 8;
    Vector<T> inverse[U][kept];
    const bool fixed = constants.scale.given > T(0);
    const auto scale = [&](std::ptrdiff_t u, std::ptrdiff_t k)
                           __attribute__((always_inline)) { return constants.scale(eta + u * STEP + 2 * K - 1 + k); };
    // Of L, without what all have in common, the same: L, and then e^(L - highest), where the score of mu will be.
    component(0, [&](std::ptrdiff_t u, std::ptrdiff_t k) __attribute__((always_inline)) {
      const Vector<T> l = k > 0 ? eta[u * STEP + k - 1] : Vector<T>{};
      Vector<T>*const of_mu = score + u * STEP + K - 1, *const of_r = of_mu + K;
      const SquaredScale<T> s = scale(u, k);
      if (!fixed) of_r[k] = s.share;
      if (k < kept) inverse[u][k] = s.inverse;
      const Vector<T> error = y[u * STEP] - eta[u * STEP + K - 1 + k];
      of_mu[k] = (l - top[u]) - T(0.5) * (error * error * s.inverse + s.log);
      highest[u] = of_mu[k] > highest[u] ? of_mu[k] : highest[u];
    });
    component(0, [&](std::ptrdiff_t u, std::ptrdiff_t k) __attribute__((always_inline)) {
      Vector<T>* const of_mu = score + u * STEP + K - 1;
      some[u] += of_mu[k] = exp<T, Far::below>(of_mu[k] - highest[u]);
    });
    Vector<T> share[U], share_before[U];
    each([&](std::ptrdiff_t u) __attribute__((always_inline)) {
      const Vector<T> both = T(1) / (some[u] * all[u]);
      share[u] = both * all[u], share_before[u] = both * some[u];
    });
    component(0, [&](std::ptrdiff_t u, std::ptrdiff_t k) __attribute__((always_inline)) {
      Vector<T>*const of_l = score + u * STEP, *const of_mu = of_l + K - 1, *const of_r = of_mu + K;
      const Vector<T> error = y[u * STEP] - eta[u * STEP + K - 1 + k], rho = of_mu[k] * share[u];
      const Vector<T> scaled = error * (k < kept ? inverse[u][k] : scale(u, k).inverse);
      if (k > 0) of_l[k - 1] = rho - of_l[k - 1] * share_before[u];
      of_mu[k] = rho * scaled;
      if (!fixed) of_r[k] = T(0.5) * rho * (error * scaled - T(1)) * of_r[k];
    });
    each([&](std::ptrdiff_t u) __attribute__((always_inline)) {
      const Vector<T> q = some[u] * share_before[u];  // between 1 / K and K, or a NaN, which has to stay one
      log_p[u] = highest[u] + (log_of_ordinary<T>(q) + (q - q)) - T(0.91893853320467274178);
    });
  }
};

}  // namespace likeliest::LIKELIEST_ISA
