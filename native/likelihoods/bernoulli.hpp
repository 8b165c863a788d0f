// Bernoulli:  log P(y | eta) = -softplus((1 - 2y) eta),  d log P / d eta = y - y_hat,  y_hat = 1 / (1 + e^-eta).
// constants: the label smoothing. With it, y is (1 - smoothing) y + smoothing / 2.
#pragma once
#include "likelihoods/rowwise.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Bernoulli {
  static constexpr const char* name = "bernoulli";

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t, const Vector<T>* y,
                                             const T* constants, Vector<T>* score) {
    const Vector<T> sign = T(2) * y[0] - T(1);  // +1 where y = 1, -1 where y = 0
    const Vector<T> against = -sign * eta[0];
    score[0] = sign * logistic<T>(against);  // which keeps its relative precision when y_hat is within rounding of y
    if (constants[0] == T(0)) return -softplus<T>(against);
    // Of the other label as much as the smoothing gives it.
    const T other = constants[0] * T(0.5);
    score[0] -= other * sign;
    return -softplus<T>(against) + other * against;
  }

  template <class T>
  static void probabilities(Block<const T> eta, std::ptrdiff_t, std::ptrdiff_t classes, T* p) noexcept {
    constexpr std::ptrdiff_t lanes = kLanes<T>;
    for (std::ptrdiff_t row = 0; row < eta.rows; row += lanes) {
      const std::ptrdiff_t count = eta.rows - row < lanes ? eta.rows - row : lanes;
      const Vector<T> z = gather_rows(eta.data + row * eta.stride, eta.stride, count);
      const Vector<T> p1 = logistic<T>(z), p0 = logistic<T>(-z);
      for (std::ptrdiff_t i = 0; i < count; ++i) {
        p[(row + i) * classes] = p0[i];
        p[(row + i) * classes + 1] = p1[i];
      }
    }
  }
};

template <class T>
constexpr LikelihoodKernel<T> bernoulli{Bernoulli::name, score_rows<T, Bernoulli>, Bernoulli::probabilities<T>};

}  // namespace likeliest::LIKELIEST_ISA
