// Bernoulli:  log P(y | eta) = -softplus((1 - 2y) eta),  d log P / d eta = y - y_hat,  y_hat = 1 / (1 + e^-eta).
#pragma once
#include "engine/kernels.hpp"
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Bernoulli {
  static constexpr const char* name = "bernoulli";

  // Eta is one number a row: a register takes the rows of as many examples as it has lanes.
  template <class T>
  LIKELIEST_INLINE static Vector<T> gather(const Block<const T>& eta, std::ptrdiff_t row, std::ptrdiff_t count) {
    Vector<T> v{};
    for (std::ptrdiff_t i = 0; i < count; ++i) v[i] = eta.data[(row + i) * eta.stride];
    return v;
  }

  template <class T>
  static void score(Block<const T> eta, std::ptrdiff_t, const T* y, const T* weight, T scale, T* log_prob,
                    T* score) noexcept {
    constexpr std::ptrdiff_t lanes = kLanes<T>;
    for (std::ptrdiff_t row = 0; row < eta.rows; row += lanes) {
      const std::ptrdiff_t count = eta.rows - row < lanes ? eta.rows - row : lanes;
      Vector<T> sign{};  // +1 where y = 1, -1 where y = 0
      for (std::ptrdiff_t i = 0; i < count; ++i) sign[i] = T(2) * y[row + i] - T(1);
      const Vector<T> against = -sign * gather(eta, row, count);
      const Vector<T> log_p = -softplus<T>(against), slope = sign * logistic<T>(against);
      for (std::ptrdiff_t i = 0; i < count; ++i) log_prob[row + i] = log_p[i] * weight[row + i];
      if (score)
        for (std::ptrdiff_t i = 0; i < count; ++i) {
          T* out = score + (row + i) * eta.stride;
          for (std::ptrdiff_t j = 0; j < eta.columns; j += lanes) store(out + j, Vector<T>{});
          out[0] = slope[i] * weight[row + i] * scale;
        }
    }
  }

  template <class T>
  static void probabilities(Block<const T> eta, std::ptrdiff_t, std::ptrdiff_t classes, T* p) noexcept {
    constexpr std::ptrdiff_t lanes = kLanes<T>;
    for (std::ptrdiff_t row = 0; row < eta.rows; row += lanes) {
      const std::ptrdiff_t count = eta.rows - row < lanes ? eta.rows - row : lanes;
      const Vector<T> z = gather(eta, row, count), p1 = logistic<T>(z), p0 = logistic<T>(-z);
      for (std::ptrdiff_t i = 0; i < count; ++i) {
        p[(row + i) * classes] = p0[i];
        p[(row + i) * classes + 1] = p1[i];
      }
    }
  }
};

}  // namespace likeliest::LIKELIEST_ISA
