// Channel by channel over the places of one example: sums, and a x + b y + d.
//
// Channels have no padding between two places, so registers run over the numbers as they stand; after lcm(c, lanes) of
// them, the lanes are over the same channels again. What belongs to channels is laid out for so many numbers first.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/part.hpp"
#include "ops/normalization.hpp"

namespace likeliest::LIKELIEST_ISA {

template <class T>
LIKELIEST_INLINE std::ptrdiff_t period_of(std::ptrdiff_t c) {
  std::ptrdiff_t period = c;
  while (period % kLanes<T>) period += c;
  return period;
}
template <class T>
LIKELIEST_INLINE const T* laid_out(const T* values, std::ptrdiff_t c, std::ptrdiff_t period, T* scratch) {
  if (period == c) return values;
  for (std::ptrdiff_t k = 0; k < period; k += c)
    for (std::ptrdiff_t j = 0; j < c; ++j) scratch[k + j] = values[j];
  return scratch;
}

// sums (+)= f(where) for the numbers of each channel, each from the first place on.
template <class T, int V, class F>
LIKELIEST_INLINE void sum_column(std::ptrdiff_t count, std::ptrdiff_t period, std::ptrdiff_t column, T* sums, F&& f) {
  Vector<T> total[V] = {};
  std::ptrdiff_t k = column;
  for (; k + V * kLanes<T> <= count; k += period)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) total[v] += f(k + v * kLanes<T>, column + v * kLanes<T>);
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v)
    if (k + v * kLanes<T> < count)  // no register beyond the last number: what stands there may be another thread's
      total[v] += within<T>(f(k + v * kLanes<T>, column + v * kLanes<T>), k + v * kLanes<T>, count);
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) store(sums + column + v * kLanes<T>, total[v]);
}
template <class T, class F>
LIKELIEST_INLINE void sum_by_channel(const Channels<T>& x, T* sums, bool accumulate, F&& f) {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const std::ptrdiff_t period = period_of<T>(x.c), count = x.places * x.c;
  std::ptrdiff_t j = 0;
  for (; j + 4 * lanes <= period; j += 4 * lanes) sum_column<T, 4>(count, period, j, x.scratch, f);
  for (; j < period; j += lanes) sum_column<T, 1>(count, period, j, x.scratch, f);
  for (std::ptrdiff_t k = 0; k < x.c; ++k) {
    T total = accumulate ? sums[k] : T(0);
    for (std::ptrdiff_t at = k; at < period; at += x.c) total += x.scratch[at];
    sums[k] = total;
  }
}

template <class T>
void sum_channels(const Channels<T>& x, T* sums, bool accumulate) noexcept {
  sum_by_channel(x, sums, accumulate,
                 [&](std::ptrdiff_t k, std::ptrdiff_t) __attribute__((always_inline)) { return load(x.x + k); });
}
template <class T>
void sum_squares_of_channels(const Channels<T>& x, const T* mean, T* sums) noexcept {
  const std::ptrdiff_t period = period_of<T>(x.c);
  const T* about = laid_out(mean, x.c, period, x.scratch + period);
  sum_by_channel(x, sums, false, [&](std::ptrdiff_t k, std::ptrdiff_t j) __attribute__((always_inline)) {
    const Vector<T> d = load(x.x + k) - load(about + j);
    return d * d;
  });
}
template <class T>
void sum_products_of_channels(const Channels<T>& x, const T* mean, const T* y, T* sums) noexcept {
  const std::ptrdiff_t period = period_of<T>(x.c);
  const T* about = laid_out(mean, x.c, period, x.scratch + period);
  sum_by_channel(x, sums, false, [&](std::ptrdiff_t k, std::ptrdiff_t j) __attribute__((always_inline)) {
    return (load(x.x + k) - load(about + j)) * load(y + k);
  });
}

template <class T>
void combine_channels(const Channels<T>& x, const T* y, const T* a, const T* b, const T* d, T* out) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const std::ptrdiff_t period = period_of<T>(x.c), count = x.places * x.c;
  a = laid_out(a, x.c, period, x.scratch);
  if (y) b = laid_out(b, x.c, period, x.scratch + period);
  d = laid_out(d, x.c, period, x.scratch + 2 * period);
  for (std::ptrdiff_t k = 0; k < count; k += period)
    for (std::ptrdiff_t j = 0; j < period && k + j < count; j += lanes) {
      Vector<T> h = load(x.x + k + j) * load(a + j) + load(d + j);
      if (y) h += load(y + k + j) * load(b + j);
      store_first<T>(out + k + j, h, count - k - j);
    }
}

}  // namespace likeliest::LIKELIEST_ISA
