// layer_norm, rms_norm (rows) and batch_norm (columns): h = gamma (x - mean) / sigma + beta, and the chain rule.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

// x on lanes [0, width - j) of a register that begins at column j, else 0.
template <class T>
LIKELIEST_INLINE Vector<T> within(Vector<T> x, std::ptrdiff_t j, std::ptrdiff_t width) {
  if (j + kLanes<T> > width)
    for (std::ptrdiff_t n = width > j ? width - j : 0; n < kLanes<T>; ++n) x[n] = T(0);
  return x;
}

template <class T>
void normalize_rows(const Normalization<T>& s, bool centred) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  for (std::ptrdiff_t i = 0; i < s.x.rows; ++i) {
    const T* x = s.x.data + i * s.x.stride;
    Vector<T> total{}, squares{};
    if (centred)
      for (std::ptrdiff_t j = 0; j < s.x.columns; j += lanes) total += within<T>(load(x + j), j, s.width);
    const T mean = sum_of_lanes<T>(total) / T(s.width);
    for (std::ptrdiff_t j = 0; j < s.x.columns; j += lanes) {
      const Vector<T> d = within<T>(load(x + j) - mean, j, s.width);
      squares += d * d;
    }
    const T inverse = (T(1) / square_root(broadcast(sum_of_lanes<T>(squares) / T(s.width) + s.epsilon)))[0];
    s.inverse[i] = inverse;
    for (std::ptrdiff_t j = 0; j < s.x.columns; j += lanes) {
      const Vector<T> x_hat = within<T>((load(x + j) - mean) * inverse, j, s.width);
      store(s.x_hat + i * s.x.stride + j, x_hat);
      store(s.h + i * s.x.stride + j, load(s.gamma + j) * x_hat + (s.beta ? load(s.beta + j) : Vector<T>{}));
    }
  }
}

// dLL/dx = (u - mean(u) - x_hat mean(u o x_hat)) / sigma with u = g o gamma; out may be g.
template <class T>
void normalize_rows_backward(const Normalization<T>& s, const T* g, T* out, bool centred) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  for (std::ptrdiff_t i = 0; i < s.x.rows; ++i) {
    const T *x_hat = s.x_hat + i * s.x.stride, *gi = g + i * s.x.stride;
    Vector<T> total{}, along{};
    for (std::ptrdiff_t j = 0; j < s.x.columns; j += lanes) {
      const Vector<T> u = load(gi + j) * load(s.gamma + j);
      total += u;
      along += u * load(x_hat + j);
    }
    const T mean = centred ? sum_of_lanes<T>(total) / T(s.width) : T(0);
    const T share = sum_of_lanes<T>(along) / T(s.width), inverse = s.inverse[i];
    for (std::ptrdiff_t j = 0; j < s.x.columns; j += lanes) {
      const Vector<T> u = load(gi + j) * load(s.gamma + j);
      store(out + i * s.x.stride + j, within<T>((u - mean - load(x_hat + j) * share) * inverse, j, s.width));
    }
  }
}

// A momentum below 1: with the minibatch's statistics, which the running ones take in. 1: with the running ones.
template <class T>
void normalize_columns(const Normalization<T>& s) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const std::ptrdiff_t n = s.x.rows;
  for (std::ptrdiff_t j = 0; j < s.x.columns; j += lanes) {
    Vector<T> mean = load(s.mean + j), variance = load(s.variance + j);
    if (s.momentum < T(1)) {
      Vector<T> total{}, squares{};
      for (std::ptrdiff_t i = 0; i < n; ++i) total += load(s.x.data + i * s.x.stride + j);
      const Vector<T> mu = total / T(n);
      for (std::ptrdiff_t i = 0; i < n; ++i) {
        const Vector<T> d = load(s.x.data + i * s.x.stride + j) - mu;
        squares += d * d;
      }
      const T stays = s.momentum, comes = T(1) - stays;
      store(s.mean + j, within<T>(stays * mean + comes * mu, j, s.width));
      const Vector<T> unbiased = n > 1 ? squares / T(n - 1) : variance;  // one example says nothing of it
      store(s.variance + j, within<T>(stays * variance + comes * unbiased, j, s.width));
      mean = mu, variance = squares / T(n);
    }
    const Vector<T> inverse = T(1) / square_root(variance + s.epsilon);
    store(s.inverse + j, inverse);
    const Vector<T> gamma = load(s.gamma + j), beta = load(s.beta + j);
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      const Vector<T> x_hat = (load(s.x.data + i * s.x.stride + j) - mean) * inverse;
      store(s.x_hat + i * s.x.stride + j, x_hat);
      store(s.h + i * s.x.stride + j, gamma * x_hat + beta);
    }
  }
}

template <class T>
void normalize_columns_backward(const Normalization<T>& s, const T* g, T* out) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const std::ptrdiff_t n = s.x.rows;
  for (std::ptrdiff_t j = 0; j < s.x.columns; j += lanes) {
    const Vector<T> gamma = load(s.gamma + j), inverse = load(s.inverse + j);
    Vector<T> mean{}, along{};
    if (s.momentum < T(1)) {
      for (std::ptrdiff_t i = 0; i < n; ++i) {
        const Vector<T> u = load(g + i * s.x.stride + j) * gamma;
        mean += u;
        along += u * load(s.x_hat + i * s.x.stride + j);
      }
      mean /= T(n), along /= T(n);
    }
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      const Vector<T> u = load(g + i * s.x.stride + j) * gamma;
      store(out + i * s.x.stride + j,
            within<T>((u - mean - load(s.x_hat + i * s.x.stride + j) * along) * inverse, j, s.width));
    }
  }
}

// sums (+)= the columns of a o b: the gradient of gamma.
template <class T>
void sum_products(Block<const T> a, const T* b, T* sums, bool accumulate) noexcept {
  for (std::ptrdiff_t j = 0; j < a.columns; j += kLanes<T>) {
    Vector<T> total = accumulate ? load(sums + j) : Vector<T>{};
    for (std::ptrdiff_t i = 0; i < a.rows; ++i) total += load(a.data + i * a.stride + j) * load(b + i * a.stride + j);
    store(sums + j, total);
  }
}

}  // namespace likeliest::LIKELIEST_ISA
