// Ordinal:  P(Y <= k | eta) = sigma(c_{k+1} - f) with thresholds c_1 = t_1, c_j = c_{j-1} + d_j, d_j = softplus(t_j),
// t_j for j > 1 cut off at +-40.
// log P = log sigma(c_{y+1} - f) + log sigma(f - c_y) + log(1 - e^-d_{y+1}), and the last is log sigma(t_{y+1}).
// eta: f, t_1 ... t_{K-1}.
#pragma once
#include "likelihoods/rowwise.hpp"
#include "likelihoods/scale.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Ordinal {
  static constexpr const char* name = "ordinal";

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t components, const Vector<T>* y,
                                             const T*, Vector<T>* score) {
    const std::ptrdiff_t K = components;
    const Vector<T> f = eta[0], k = y[0], zero{};
    // The thresholds around class y, and what the gap between them was made from; sigma(t_j) waits in score[j].
    Vector<T> c = eta[1], lower = c, upper = c, own = zero;
    for (std::ptrdiff_t j = 2; j < K; ++j) {
      const Vector<T> t = Cut<T>(eta[j], T(kLogMean)).value;
      c += softplus<T>(t);
      lower = k == T(j) ? c : lower;
      upper = k == T(j - 1) ? c : upper;
      own = k == T(j - 1) ? t : own;
      score[j] = logistic<T>(t);
    }
    const auto first = k == T(0), last = k == T(K - 1);
    const Vector<T> spoilt = zero * c;  // 0, but NaN when any threshold is
    const Vector<T> alpha = last ? spoilt : logistic<T>(f - upper), beta = first ? spoilt : logistic<T>(lower - f);
    score[0] = beta - alpha;
    score[1] = alpha - beta;
    for (std::ptrdiff_t j = 2; j < K; ++j) {
      const Vector<T> up = score[j] * ((k >= T(j - 1) ? alpha : zero) - (k >= T(j) ? beta : zero));
      score[j] = (up + (k == T(j - 1) ? logistic<T>(-own) : zero)) * Cut<T>(eta[j], T(kLogMean)).slope;
    }
    const Vector<T> below = last ? zero : softplus<T>(f - upper), above = first ? zero : softplus<T>(lower - f);
    return spoilt - below - above - (first | last ? zero : softplus<T>(-own));
  }

  template <class T>
  static void probabilities(Block<const T> eta, std::ptrdiff_t, std::ptrdiff_t classes, T* p) noexcept {
    constexpr std::ptrdiff_t lanes = kLanes<T>;
    for (std::ptrdiff_t row = 0; row < eta.rows; row += lanes) {
      const std::ptrdiff_t count = eta.rows - row < lanes ? eta.rows - row : lanes;
      const auto column = [&](std::ptrdiff_t j) {
        return gather_rows(eta.data + row * eta.stride + j, eta.stride, count);
      };
      const Vector<T> f = column(0);
      Vector<T> c = column(1), above = broadcast(T(1)), gap = above;  // sigma(f - c_k) and sigma(t_{k+1}) of class k
      for (std::ptrdiff_t k = 0; k < classes; ++k) {
        Vector<T> share = above * gap;
        if (k + 1 < classes) {
          share *= logistic<T>(c - f);
          above = logistic<T>(f - c);
        }
        for (std::ptrdiff_t i = 0; i < count; ++i) p[(row + i) * classes + k] = share[i];
        gap = broadcast(T(1));
        if (k + 2 < classes) {
          const Vector<T> t = Cut<T>(column(k + 2), T(kLogMean)).value;
          c += softplus<T>(t);
          gap = logistic<T>(t);
        }
      }
    }
  }
};

template <class T>
constexpr LikelihoodKernel<T> ordinal{Ordinal::name, score_rows<T, Ordinal>, Ordinal::probabilities<T>};

}  // namespace likeliest::LIKELIEST_ISA
