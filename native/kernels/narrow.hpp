// Products with a weight of few columns, z = h W + b, as that of an output layer often is: h (n x p), W (p x q), q at
// most a quarter of a register.
//
// A register across the columns of W would be empty but for a few lanes. So W stands turned, (q x p) in panels, and
// registers go along p: each z is added up lane by lane, and the lanes by halves.
#pragma once
#include <type_traits>  // types only

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

// dLL/dz of h = F(z), from dLL/dh.
template <class T, class F>
LIKELIEST_INLINE Vector<T> chain(Vector<T> g, Vector<T> saved, const T* constants) {
  if constexpr (requires { F::template chain<T>(g, saved); })
    return F::template chain<T>(g, saved);
  else
    return g * F::template derivative<T>(saved, constants);
}

// Lane i of the result is the sum of the lanes of sums[i], by halves: two registers become one, again and again.
template <class T, int H = kLanes<T> / 2>
LIKELIEST_INLINE Vector<T> sums_of_lanes(Vector<T> (&sums)[kLanes<T>]) {
#pragma GCC unroll 8
  for (int i = 0; i < H; ++i) {
    exchange<T, H>(sums[i], sums[i + H], std::make_integer_sequence<int, kLanes<T>>());
    sums[i] += sums[i + H];
  }
  if constexpr (H > 1)
    return sums_of_lanes<T, H / 2>(sums);
  else
    return sums[0];
}

// z = h W + b for `count` rows, a register of them when WHOLE. h = F(pre), or is there already where F is void.
template <class T, class F, bool WHOLE>
LIKELIEST_INLINE void narrow_rows(const T* pre, const Narrow<T>& g, const T* constants, std::ptrdiff_t row,
                                  std::ptrdiff_t count) {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const std::ptrdiff_t registers = (g.p + lanes - 1) / lanes, q = g.q, ldh = g.ldh, ldz = g.ldz;
  const T *h = g.h + row * ldh, *from = pre + row * ldh;
  T* z = g.z + row * ldz;
  if (WHOLE) count = lanes;
  if (!WHOLE || q > 1)
    for (std::ptrdiff_t i = 0; i < count; ++i) store(z + i * ldz, Vector<T>{});
  for (std::ptrdiff_t j = 0; j < q; ++j) {
    Vector<T> sums[lanes] = {};
    for (std::ptrdiff_t c = 0; c < registers; ++c) {
      if constexpr (!std::is_void_v<F>)
        if (j == 0)
#pragma GCC unroll 4
          for (std::ptrdiff_t i = 0; i < count; ++i)
            store(g.h_out + (row + i) * ldh + c * lanes,
                  F::template value<T>(load(from + i * ldh + c * lanes), constants));
      const Vector<T> w = load(g.W + turned_index(g, j, c));
      const T* column = h + c * lanes;
      if constexpr (WHOLE) {
#pragma GCC unroll 16
        for (std::ptrdiff_t i = 0; i < lanes; ++i, column += ldh) sums[i] += load(column) * w;
      } else {
        for (std::ptrdiff_t i = 0; i < count; ++i, column += ldh) sums[i] += load(column) * w;
      }
    }
    const Vector<T> total = sums_of_lanes<T>(sums) + (g.bias ? g.bias[j] : T(0));
    if (WHOLE && q == 1)
      store_lanes<T>(total, z, ldz);
    else
      for (std::ptrdiff_t i = 0; i < count; ++i) z[i * ldz + j] = total[i];
  }
}
template <class T, class F>
void forward_narrow(const T* pre, const Narrow<T>& g, const T* constants) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  std::ptrdiff_t row = 0;
  for (; row + lanes <= g.rows; row += lanes) narrow_rows<T, F, true>(pre, g, constants, row, lanes);
  if (row < g.rows) narrow_rows<T, F, false>(pre, g, constants, row, g.rows - row);
}
template <class T>
void multiply_narrow(const Narrow<T>& g) noexcept {
  forward_narrow<T, void>(g.h, g, nullptr);
}

// dLL/dh = dLL/dz W^T; z and h are the gradients here. Four registers of a row at a time.
template <class T, int V>
LIKELIEST_INLINE void multiply_back(const Narrow<T>& g, std::ptrdiff_t c) {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  for (std::ptrdiff_t i = 0; i < g.rows; ++i) {
    const T* z = g.z + i * g.ldz;
    T* h = g.h_out + i * g.ldh + c * lanes;
    Vector<T> sum[V] = {};
    for (std::ptrdiff_t j = 0; j < g.q; ++j)
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

// dLL/dpre = dLL/dz W^T o F', with h = F(pre), and what it sums up to: registers [c, c + V) of all rows.
template <class T, class F, int V, int Q>
LIKELIEST_INLINE void back_through(const T* saved, const Narrow<T>& g, const NarrowSums<T>& sums, const T* constants,
                                   std::ptrdiff_t c) {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  Vector<T> w[Q][V], dW[Q][V], db[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
#pragma GCC unroll 4
    for (int j = 0; j < Q; ++j) {
      w[j][v] = load(g.W + turned_index(g, j, c + v));
      dW[j][v] = sums.accumulate ? load(sums.W + turned_index(g, j, c + v)) : Vector<T>{};
    }
    db[v] = sums.bias && sums.accumulate ? load(sums.bias + (c + v) * lanes) : Vector<T>{};
  }
  for (std::ptrdiff_t i = 0; i < g.rows; ++i) {
    const T* z = g.z + i * g.ldz;
    const std::ptrdiff_t at = i * g.ldh + c * lanes;
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      Vector<T> slope{};  // so that every product is a multiply-add: of two, either could be one
#pragma GCC unroll 4
      for (int j = 0; j < Q; ++j) slope += z[j] * w[j][v];
      const Vector<T> h = load(g.h + at + v * lanes);
#pragma GCC unroll 4
      for (int j = 0; j < Q; ++j) dW[j][v] += z[j] * h;
      slope = chain<T, F>(slope, load(saved + at + v * lanes), constants);
      store(g.h_out + at + v * lanes, slope);
      db[v] += slope;
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    // h may have anything in its padding, W has zeros there.
    if (const std::ptrdiff_t rest = g.p - (c + v) * lanes; rest < lanes)
      for (std::ptrdiff_t n = rest; n < lanes; ++n)
        for (int j = 0; j < Q; ++j) dW[j][v][n] = T(0);
    for (int j = 0; j < Q; ++j) store(sums.W + turned_index(g, j, c + v), dW[j][v]);
    if (sums.bias) store(sums.bias + (c + v) * lanes, db[v]);
  }
}
template <class T, class F, int Q>
LIKELIEST_INLINE void back_through_all(const T* saved, const Narrow<T>& g, const NarrowSums<T>& sums,
                                       const T* constants) {
  constexpr int V = Q == 1 ? 4 : 2;
  const std::ptrdiff_t registers = (g.p + kLanes<T> - 1) / kLanes<T>;
  std::ptrdiff_t c = 0;
  for (; c + V <= registers; c += V) back_through<T, F, V, Q>(saved, g, sums, constants, c);
  for (; c < registers; ++c) back_through<T, F, 1, Q>(saved, g, sums, constants, c);
}
template <class T, class F, int Q = (kLanes<T> >= 4 ? kLanes<T> / 4 : 1)>
void backward_narrow(const T* saved, const Narrow<T>& g, const NarrowSums<T>& sums, const T* constants) noexcept {
  if (g.q == Q) {
    back_through_all<T, F, Q>(saved, g, sums, constants);
  } else if constexpr (Q > 1) {
    backward_narrow<T, F, Q - 1>(saved, g, sums, constants);
  }
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
