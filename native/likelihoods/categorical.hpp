// Categorical:  log P(y | eta) = eta_y - log sum_k e^eta_k,  d log P / d eta_k = [k = y] - P(Y = k).
// constants: the label smoothing. With it, [k = y] is (1 - smoothing) [k = y] + smoothing / K.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/mathematics.hpp"

extern "C" double log(double) noexcept;

namespace likeliest::LIKELIEST_ISA {

struct Categorical {
  static constexpr const char* name = "categorical";

  // Hands e^(eta - max) to take(k, e), register by register, with 0 in the padding, and returns their sum; the maximum
  // by reference. A NaN spoils the sum, as it must.
  template <class T, class F>
  LIKELIEST_INLINE static T exponentials(const T* eta, std::ptrdiff_t width, std::ptrdiff_t columns, T& top, F&& take) {
    top = eta[0];
    for (std::ptrdiff_t k = 1; k < width; ++k) top = eta[k] > top ? eta[k] : top;
    Vector<T> total{};
    for (std::ptrdiff_t k = 0; k < columns; k += kLanes<T>) {
      Vector<T> e = exp<T>(load(eta + k) - top);
      for (std::ptrdiff_t lane = width - k > 0 ? width - k : 0; lane < kLanes<T>; ++lane) e[lane] = 0;
      take(k, e);
      total += e;
    }
    return sum_of_lanes<T>(total);
  }

  template <class T>
  static void score(const Scoring<T>& s) noexcept {
    const T smoothing = s.constants[0], even = smoothing / T(s.width);
    for (std::ptrdiff_t i = 0; i < s.eta.rows; ++i) {
      const T* row = s.eta.data + i * s.eta.stride;
      T* out = s.score ? s.score + i * s.eta.stride : nullptr;
      const std::ptrdiff_t label = std::ptrdiff_t(s.y[i]);
      T top;
      const T total = exponentials(row, s.width, s.eta.columns, top, [&](std::ptrdiff_t k, Vector<T> e) {
        if (out) store(out + k, e);
      });
      T chosen = row[label];
      if (smoothing > T(0)) {
        chosen *= T(1) - smoothing;
        for (std::ptrdiff_t k = 0; k < s.width; ++k) chosen += even * row[k];
      }
      s.log_prob[i] = (chosen - top - T(::log(double(total)))) * s.weight[i];
      if (!out) continue;
      const T factor = s.weight[i] * s.scale;
      const Vector<T> share = broadcast(-factor / total);
      for (std::ptrdiff_t k = 0; k < s.eta.columns; k += kLanes<T>) store(out + k, load(out + k) * share);
      out[label] += factor * (T(1) - smoothing);
      if (smoothing > T(0))
        for (std::ptrdiff_t k = 0; k < s.width; ++k) out[k] += factor * even;
    }
  }

  template <class T>
  static void probabilities(Block<const T> eta, std::ptrdiff_t width, std::ptrdiff_t classes, T* p) noexcept {
    for (std::ptrdiff_t i = 0; i < eta.rows; ++i, p += classes) {
      T top;
      const T total =
          exponentials(eta.data + i * eta.stride, width, eta.columns, top, [&](std::ptrdiff_t k, Vector<T> e) {
            for (std::ptrdiff_t lane = 0; lane < kLanes<T> && k + lane < classes; ++lane) p[k + lane] = e[lane];
          });
      for (std::ptrdiff_t k = 0; k < classes; ++k) p[k] /= total;
    }
  }
};

template <class T>
constexpr LikelihoodKernel<T> categorical{Categorical::name, false, Categorical::score<T>,
                                          Categorical::probabilities<T>};

}  // namespace likeliest::LIKELIEST_ISA
