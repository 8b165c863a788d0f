// Categorical:  log P(y | eta) = eta_y - log sum_k e^eta_k,  d log P / d eta_k = [k = y] - P(Y = k).
#pragma once
#include "engine/kernels.hpp"
#include "kernels/mathematics.hpp"

extern "C" double log(double) noexcept;

namespace likeliest::LIKELIEST_ISA {

struct Categorical {
  static constexpr const char* name = "categorical";

  // e^(eta - max) into `out` (padding 0); returns its sum, and the maximum by reference. A NaN spoils the sum, as it
  // must.
  template <class T>
  LIKELIEST_INLINE static T exponentials(const T* eta, std::ptrdiff_t width, std::ptrdiff_t columns, T* out, T& top) {
    top = eta[0];
    for (std::ptrdiff_t k = 1; k < width; ++k) top = eta[k] > top ? eta[k] : top;
    Vector<T> total{};
    for (std::ptrdiff_t k = 0; k < columns; k += kLanes<T>) {
      Vector<T> e = exp<T>(load(eta + k) - top);
      for (std::ptrdiff_t lane = width - k > 0 ? width - k : 0; lane < kLanes<T>; ++lane) e[lane] = 0;
      store(out + k, e);
      total += e;
    }
    return sum_of_lanes<T>(total);
  }

  template <class T>
  static void score(Block<const T> eta, std::ptrdiff_t width, const T* y, const T* weight, T scale, T* log_prob,
                    T* score) noexcept {
    for (std::ptrdiff_t i = 0; i < eta.rows; ++i) {
      const T* row = eta.data + i * eta.stride;
      const std::ptrdiff_t label = std::ptrdiff_t(y[i]);
      T top, total;
      if (score) {
        T* out = score + i * eta.stride;
        total = exponentials(row, width, eta.columns, out, top);
        const T factor = weight[i] * scale;
        const Vector<T> share = broadcast(-factor / total);
        for (std::ptrdiff_t k = 0; k < eta.columns; k += kLanes<T>) store(out + k, load(out + k) * share);
        out[label] += factor;
      } else {
        Vector<T> sum{};
        top = row[0];
        for (std::ptrdiff_t k = 1; k < width; ++k) top = row[k] > top ? row[k] : top;
        for (std::ptrdiff_t k = 0; k < eta.columns; k += kLanes<T>) {
          Vector<T> e = exp<T>(load(row + k) - top);
          for (std::ptrdiff_t lane = width - k > 0 ? width - k : 0; lane < kLanes<T>; ++lane) e[lane] = 0;
          sum += e;
        }
        total = sum_of_lanes<T>(sum);
      }
      log_prob[i] = (row[label] - top - T(::log(double(total)))) * weight[i];
    }
  }

  template <class T>
  static void probabilities(Block<const T> eta, std::ptrdiff_t width, std::ptrdiff_t classes, T* p) noexcept {
    for (std::ptrdiff_t i = 0; i < eta.rows; ++i) {
      const T* row = eta.data + i * eta.stride;
      T top = row[0];
      for (std::ptrdiff_t k = 1; k < width; ++k) top = row[k] > top ? row[k] : top;
      Vector<T> sum{};
      for (std::ptrdiff_t k = 0; k < eta.columns; k += kLanes<T>) {
        Vector<T> e = exp<T>(load(row + k) - top);
        for (std::ptrdiff_t lane = 0; lane < kLanes<T>; ++lane)
          if (k + lane < width) {
            p[i * classes + k + lane] = e[lane];
          } else {
            e[lane] = 0;
          }
        sum += e;
      }
      const T total = sum_of_lanes<T>(sum);
      for (std::ptrdiff_t k = 0; k < classes; ++k) p[i * classes + k] /= total;
    }
  }
};

}  // namespace likeliest::LIKELIEST_ISA
