// A convolution in which each channel has a kernel of its own: h_j = x_j * W_j + b_j. Registers run along the channels.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/gemm.hpp"
#include "kernels/part.hpp"

namespace likeliest::LIKELIEST_ISA {

// M windows side by side, for the channels of V registers. With D = 3 taps in a row at stride and dilation 1, a place
// is loaded once for all three of them.
template <class T, int M, int V, int D>
LIKELIEST_INLINE void depthwise_tile(const Convolution<T>& g, const T* x, T* h, std::ptrdiff_t channel,
                                     std::ptrdiff_t row_of_W) {
  const Window& w = *g.window;
  Vector<T> sum[M][V];
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sum[i][v] = g.bias ? load(g.bias + channel + v * kLanes<T>) : Vector<T>{};
  const T* W = g.W + channel;
  for (std::ptrdiff_t a = 0; a < w.size[0]; ++a)
    for (std::ptrdiff_t b = 0; b < w.size[1]; ++b) {
      const T* from = x + w.place(a, b, 0) * w.c;
      if constexpr (D == 3) {
        Vector<T> tap[3][V];
#pragma GCC unroll 3
        for (int d = 0; d < 3; ++d, W += row_of_W)
#pragma GCC unroll 2
          for (int v = 0; v < V; ++v) tap[d][v] = load(W + v * kLanes<T>);
#pragma GCC unroll 10
        for (int i = 0; i < M + 2; ++i)
#pragma GCC unroll 2
          for (int v = 0; v < V; ++v) {
            const Vector<T> place = load(from + i * w.c + v * kLanes<T>);
#pragma GCC unroll 3
            for (int d = 0; d < 3; ++d)
              if (i - d >= 0 && i - d < M) sum[i - d][v] += place * tap[d][v];
          }
      } else {
        for (std::ptrdiff_t d = 0; d < w.size[2]; ++d, W += row_of_W)
#pragma GCC unroll 2
          for (int v = 0; v < V; ++v) {
            const Vector<T> tap = load(W + v * kLanes<T>);
#pragma GCC unroll 8
            for (int i = 0; i < M; ++i)
              sum[i][v] += load(from + (d * w.dilation[2] + i * w.stride[2]) * w.c + v * kLanes<T>) * tap;
          }
      }
    }
  const std::ptrdiff_t count = w.c - channel;
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v)
      store_first<T>(h + i * w.c + v * kLanes<T>, g.relu ? Relu::of(sum[i][v]) : sum[i][v], count - v * kLanes<T>);
}

template <class T, int V>
LIKELIEST_INLINE void depthwise_row(const Convolution<T>& g, const T* x, T* h, std::ptrdiff_t channel,
                                    std::ptrdiff_t row_of_W) {
  constexpr int M = 8 / V;
  const Window& w = *g.window;
  const bool three = w.size[2] == 3 && w.stride[2] == 1 && w.dilation[2] == 1;
  std::ptrdiff_t i = 0;
  for (; i + M <= w.used[2]; i += M)
    three ? depthwise_tile<T, M, V, 3>(g, x + i * w.c, h + i * w.c, channel, row_of_W)
          : depthwise_tile<T, M, V, 0>(g, x + i * w.stride[2] * w.c, h + i * w.c, channel, row_of_W);
  for (; i < w.used[2]; ++i) depthwise_tile<T, 1, V, 0>(g, x + i * w.stride[2] * w.c, h + i * w.c, channel, row_of_W);
}

template <class T>
void depthwise(const Convolution<T>& g) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const Window& w = *g.window;
  const std::ptrdiff_t row_of_W = (w.c + lanes - 1) / lanes * lanes;
  for (std::ptrdiff_t a = 0; a < w.used[0]; ++a)
    for (std::ptrdiff_t b = 0; b < w.used[1]; ++b) {
      const T* x = g.x + (a * w.stride[0] * w.padded(1) + b * w.stride[1]) * w.padded(2) * w.c;
      T* h = g.out + (a * w.out[1] + b) * w.out[2] * w.c;
      std::ptrdiff_t j = 0;
      for (; j + 2 * lanes <= row_of_W; j += 2 * lanes) depthwise_row<T, 2>(g, x + j, h + j, j, row_of_W);
      if (j < row_of_W) depthwise_row<T, 1>(g, x + j, h + j, j, row_of_W);
    }
}

template <class T>
void depthwise_back(const Convolution<T>& g) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const Window& w = *g.window;
  const std::ptrdiff_t row_of_W = (w.c + lanes - 1) / lanes * lanes;
  for (std::ptrdiff_t a = 0; a < w.used[0]; ++a)
    for (std::ptrdiff_t b = 0; b < w.used[1]; ++b) {
      T* x = g.out + (a * w.stride[0] * w.padded(1) + b * w.stride[1]) * w.padded(2) * w.c;
      const T *h = g.h + (a * w.out[1] + b) * w.out[2] * w.c, *W = g.W;
      for (std::ptrdiff_t ka = 0; ka < w.size[0]; ++ka)
        for (std::ptrdiff_t kb = 0; kb < w.size[1]; ++kb)
          for (std::ptrdiff_t kd = 0; kd < w.size[2]; ++kd, W += row_of_W) {
            T* to = x + w.place(ka, kb, kd) * w.c;
            for (std::ptrdiff_t i = 0; i < w.used[2]; ++i)
              for (std::ptrdiff_t j = 0; j < w.c; j += lanes) {
                T* p = to + i * w.stride[2] * w.c + j;
                store_first<T>(p, load(p) + load(h + i * w.c + j) * load(W + j), w.c - j);
              }
          }
    }
}

// The gradients of D taps of a row of W, for the channels of V registers.
template <class T, int V, int D>
LIKELIEST_INLINE void depthwise_taps(const Convolution<T>& g, std::ptrdiff_t place, std::ptrdiff_t channel, T* to,
                                     std::ptrdiff_t row_of_W) {
  const Window& w = *g.window;
  const std::ptrdiff_t row = w.padded(2) * w.c, step = w.stride[2] * w.c, apart = w.dilation[2] * w.c;
  Vector<T> sum[D][V];
#pragma GCC unroll 3
  for (int d = 0; d < D; ++d)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sum[d][v] = load(to + d * row_of_W + v * kLanes<T>);
  for (std::ptrdiff_t a = 0; a < w.used[0]; ++a)
    for (std::ptrdiff_t b = 0; b < w.used[1]; ++b) {
      const T* x = g.x + (a * w.stride[0] * w.padded(1) + b * w.stride[1]) * row + place * w.c + channel;
      const T* h = g.h + (a * w.out[1] + b) * w.out[2] * w.c + channel;
      for (std::ptrdiff_t i = 0; i < w.used[2]; ++i, x += step, h += w.c)
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) {
          const Vector<T> gradient = load(h + v * kLanes<T>);
#pragma GCC unroll 3
          for (int d = 0; d < D; ++d) sum[d][v] += load(x + d * apart + v * kLanes<T>) * gradient;
        }
    }
#pragma GCC unroll 3
  for (int d = 0; d < D; ++d)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v)
      store_first<T>(to + d * row_of_W + v * kLanes<T>, sum[d][v], w.c - channel - v * kLanes<T>);
}

template <class T>
void depthwise_gradient(const Convolution<T>& g) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const Window& w = *g.window;
  const std::ptrdiff_t row_of_W = (w.c + lanes - 1) / lanes * lanes;
  for (std::ptrdiff_t j = 0; j < row_of_W; j += 2 * lanes) {
    T* to = g.out + j;
    const bool two = j + 2 * lanes <= row_of_W;
    for (std::ptrdiff_t a = 0; a < w.size[0]; ++a)
      for (std::ptrdiff_t b = 0; b < w.size[1]; ++b)
        for (std::ptrdiff_t d = 0; d < w.size[2];) {
          const std::ptrdiff_t place = w.place(a, b, d);
          const bool three = d + 3 <= w.size[2];
          if (three && two) depthwise_taps<T, 2, 3>(g, place, j, to, row_of_W);
          if (three && !two) depthwise_taps<T, 1, 3>(g, place, j, to, row_of_W);
          if (!three && two) depthwise_taps<T, 2, 1>(g, place, j, to, row_of_W);
          if (!three && !two) depthwise_taps<T, 1, 1>(g, place, j, to, row_of_W);
          d += three ? 3 : 1, to += (three ? 3 : 1) * row_of_W;
        }
  }
}

}  // namespace likeliest::LIKELIEST_ISA
