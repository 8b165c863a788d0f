// Products with a weight of few columns, z = h W + b, as that of an output layer often is: h (n x p), W (p x q), q at
// most a quarter of a register.
//
// A register across the columns of W would be empty but for a few lanes. So W stands turned, (q x p) in panels, and
// registers go along p: each z is added up lane by lane, and the lanes by halves.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/vector.hpp"

namespace likeliest::LIKELIEST_ISA {

// Where register c of row j of the turned weight is.
template <class T>
LIKELIEST_INLINE std::ptrdiff_t turned_index(const Narrow<T>& g, std::ptrdiff_t j, std::ptrdiff_t c) {
  constexpr std::ptrdiff_t lanes = kLanes<T>, width = 2 * lanes;
  const std::ptrdiff_t panel = c / 2, stride = g.p - panel * width <= lanes ? lanes : width;
  return panel * g.q * width + j * stride + c % 2 * lanes;
}

template <class T, int H>
LIKELIEST_INLINE Vector<T> sum_by_halves(const Vector<T>* lanes) {
  if constexpr (H == 1)
    return lanes[0];
  else
    return sum_by_halves<T, H / 2>(lanes) + sum_by_halves<T, H / 2>(lanes + H / 2);
}

// z = h W + b, a register of rows at a time.
template <class T>
void multiply_narrow(const Narrow<T>& g) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const std::ptrdiff_t registers = (g.p + lanes - 1) / lanes;
  for (std::ptrdiff_t row = 0; row < g.rows; row += lanes) {
    const std::ptrdiff_t count = g.rows - row < lanes ? g.rows - row : lanes;
    T* z = g.z + row * g.ldz;
    for (std::ptrdiff_t i = 0; i < count; ++i) store(z + i * g.ldz, Vector<T>{});
    for (std::ptrdiff_t j = 0; j < g.q; ++j) {
      Vector<T> sums[lanes] = {};
      for (std::ptrdiff_t c = 0; c < registers; ++c) {
        const Vector<T> w = load(g.W + turned_index(g, j, c));
        const T* h = g.h + row * g.ldh + c * lanes;
        if (count == lanes) {
#pragma GCC unroll 16
          for (std::ptrdiff_t i = 0; i < lanes; ++i) sums[i] += load(h + i * g.ldh) * w;
        } else {
          for (std::ptrdiff_t i = 0; i < count; ++i) sums[i] += load(h + i * g.ldh) * w;
        }
      }
      transpose<T>(sums);
      const Vector<T> total = sum_by_halves<T, int(lanes)>(sums) + (g.bias ? g.bias[j] : T(0));
      for (std::ptrdiff_t i = 0; i < count; ++i) z[i * g.ldz + j] = total[i];
    }
  }
}

// dLL/dh = dLL/dz W^T; z and h are the gradients here. Four registers of a row at a time.
template <class T, int V>
LIKELIEST_INLINE void multiply_back(const Narrow<T>& g, std::ptrdiff_t c) {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  Vector<T> w[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) w[v] = load(g.W + turned_index(g, 0, c + v));
  for (std::ptrdiff_t i = 0; i < g.rows; ++i) {
    const T* z = g.z + i * g.ldz;
    T* h = g.h_out + i * g.ldh + c * lanes;
    Vector<T> sum[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[v] = z[0] * w[v];
    for (std::ptrdiff_t j = 1; j < g.q; ++j)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[v] += z[j] * load(g.W + turned_index(g, j, c + v));
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store(h + v * lanes, sum[v]);
  }
}
template <class T>
void multiply_narrow_back(const Narrow<T>& g) noexcept {
  const std::ptrdiff_t registers = (g.p + kLanes<T> - 1) / kLanes<T>;
  std::ptrdiff_t c = 0;
  for (; c + 4 <= registers; c += 4) multiply_back<T, 4>(g, c);
  for (; c < registers; ++c) multiply_back<T, 1>(g, c);
}

// Panels [begin, end) of the turned dLL/dW = dLL/dz^T h, added up from the first row down, stored or applied.
template <class T>
void narrow_gradient(const Narrow<T>& g, std::ptrdiff_t begin, std::ptrdiff_t end, T* out, bool accumulate,
                     const Update<T>* update) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>, width = 2 * lanes, most = lanes / 4 > 0 ? lanes / 4 : 1;
  alignas(64) T scratch[most * width];
  for (std::ptrdiff_t panel = begin; panel < end; ++panel) {
    const int v = g.p - panel * width <= lanes ? 1 : 2;
    const std::ptrdiff_t offset = panel * g.q * width, count = g.q * v * lanes;
    T* C = update ? scratch : out + offset;
    for (std::ptrdiff_t j = 0; j < g.q; ++j) {
      Vector<T> sums[2] = {};
      if (accumulate)
        for (int k = 0; k < v; ++k) sums[k] = load(C + (j * v + k) * lanes);
      const T* h = g.h + panel * width;
      if (v == 2)
        for (std::ptrdiff_t i = 0; i < g.rows; ++i) {
          const T d = g.z[i * g.ldz + j];
          sums[0] += d * load(h + i * g.ldh);
          sums[1] += d * load(h + i * g.ldh + lanes);
        }
      else
        for (std::ptrdiff_t i = 0; i < g.rows; ++i) sums[0] += g.z[i * g.ldz + j] * load(h + i * g.ldh);
      // h may have anything in its padding, W has zeros there.
      if (const std::ptrdiff_t rest = g.p - panel * width - (v - 1) * lanes; rest < lanes)
        for (std::ptrdiff_t n = rest; n < lanes; ++n) sums[v - 1][n] = T(0);
      for (int k = 0; k < v; ++k) store(C + (j * v + k) * lanes, sums[k]);
    }
    if (update) update->apply(offset, scratch, count);
  }
}

}  // namespace likeliest::LIKELIEST_ISA
