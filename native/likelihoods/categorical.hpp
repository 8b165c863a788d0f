// Categorical:  log P(y | eta) = eta_y - log sum_k e^eta_k,  d log P / d eta_k = [k = y] - P(Y = k).
// constants: the label smoothing. With it, [k = y] is (1 - smoothing) [k = y] + smoothing / K.
#pragma once
#include "likelihoods/rowwise.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Categorical {
  static constexpr const char* name = "categorical";

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t K, const Vector<T>* y,
                                             const T* constants, Vector<T>* score) {
    const T smoothing = constants[0], even = smoothing / T(K);
    Vector<T> top = eta[0], total{}, chosen{};
    for (std::ptrdiff_t k = 1; k < K; ++k) top = eta[k] > top ? eta[k] : top;
    for (std::ptrdiff_t k = 0; k < K; ++k) {
      const Vector<T> z = eta[k] - top;
      total += score[k] = exp<T>(z);  // a NaN spoils the sum, as it must
      chosen = y[0] == T(k) ? z : chosen;
    }
    if (smoothing > T(0)) {
      chosen *= T(1) - smoothing;
      for (std::ptrdiff_t k = 0; k < K; ++k) chosen += even * (eta[k] - top);
    }
    const Vector<T> share = T(1) / total, hit = broadcast(T(1) - smoothing + even), miss = broadcast(even);
    for (std::ptrdiff_t k = 0; k < K; ++k) score[k] = (y[0] == T(k) ? hit : miss) - score[k] * share;
    return chosen - log<T>(total);
  }

  template <class T>
  static void probabilities(Block<const T> eta, std::ptrdiff_t width, std::ptrdiff_t classes, T* p) noexcept {
    for (std::ptrdiff_t i = 0; i < eta.rows; ++i, p += classes) {
      const T* row = eta.data + i * eta.stride;
      T top = row[0];
      for (std::ptrdiff_t k = 1; k < width; ++k) top = row[k] > top ? row[k] : top;
      Vector<T> total{};
      for (std::ptrdiff_t k = 0; k < width; k += kLanes<T>) {
        Vector<T> e = exp<T>(load(row + k) - top);
        for (std::ptrdiff_t lane = 0; lane < kLanes<T>; ++lane)
          k + lane < width ? p[k + lane] = e[lane] : e[lane] = 0;  // the padding
        total += e;
      }
      const T sum = sum_of_lanes<T>(total);
      for (std::ptrdiff_t k = 0; k < classes; ++k) p[k] /= sum;
    }
  }
};

template <class T>
constexpr LikelihoodKernel<T> categorical{Categorical::name, score_rows<T, Categorical>, Categorical::probabilities<T>};

}  // namespace likeliest::LIKELIEST_ISA
