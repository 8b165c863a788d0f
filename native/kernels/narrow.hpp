// Products with a weight of few columns, z = h W + b, as that of an output layer often is: h (n x p), W (p x q), q at
// most `most_narrow`, nine sixteenths of a register.
//
// A register across the columns of W would be half empty or worse. So W stands turned, (q x p) in panels, and registers
// go along p: each z is added up lane by lane, and the lanes by halves; on the way back all sums go through the rows
// once.
#pragma once
#include <type_traits>  // types only

#include "engine/kernels.hpp"
#include "kernels/gemm.hpp"
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

// z for `count` rows, a register of them when WHOLE. h = F(pre), or is there already where F is void.
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
LIKELIEST_INLINE void narrow_columns(const T* pre, const Narrow<T>& g, const T* constants) {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  std::ptrdiff_t row = 0;
  for (; row + lanes <= g.rows; row += lanes) narrow_rows<T, F, true>(pre, g, constants, row, lanes);
  if (row < g.rows) narrow_rows<T, F, false>(pre, g, constants, row, g.rows - row);
}

// Where adding up lanes costs more than lanes without columns: W is turned back, some rows at a time, into rows of half
// a register, or of a whole one.
template <class T, bool WHOLE>
void turned_back(const Narrow<T>& g) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>, width = WHOLE ? lanes : lanes / 2, most = 4 * lanes;
  alignas(64) T W[most * width];
  for (std::ptrdiff_t k0 = 0; k0 < g.p; k0 += most) {
    const std::ptrdiff_t rows = g.p - k0 < most ? g.p - k0 : most;
    for (std::ptrdiff_t k = 0; k < rows; k += lanes) {
      Vector<T> squares[width];
      for (std::ptrdiff_t j = 0; j < width; ++j)
        squares[j] = j < g.q ? load(g.W + turned_index(g, j, (k0 + k) / lanes)) : Vector<T>{};
      if constexpr (WHOLE) {
        transpose<T>(squares);
        for (std::ptrdiff_t i = 0; i < lanes; ++i) store(W + (k + i) * lanes, squares[i]);
      } else {
        transpose_halves<T>(squares);
        for (std::ptrdiff_t i = 0; i < width; ++i) {
          store(W + (k + i) * width, lower_half<T>(squares[i]));
          store(W + (k + i + width) * width, upper_half<T>(squares[i]));
        }
      }
    }
    const Segment all{0, std::int32_t(rows), true, 0};
    const Start start = k0 > 0 ? Start::accumulate : g.bias ? Start::bias : Start::zero;
    const Tiles tiles(g.rows);
    for (std::ptrdiff_t i = 0; i < tiles.count; ++i) {
      const std::ptrdiff_t r = tiles.begin(i);
      run_tile<T, false>(int(tiles.begin(i + 1) - r), WHOLE ? 2 : 1,
                         {0, {&all, 1}, g.h + r * g.ldh + k0, g.ldh, W, width, g.z + r * g.ldz, g.ldz, start, g.bias});
    }
  }
}

template <class T, class F>
void forward_narrow(const T* pre, const Narrow<T>& g, const T* constants) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  if (!kHalves || g.q <= lanes / 4) return narrow_columns<T, F>(pre, g, constants);
  if constexpr (!std::is_void_v<F>)
    for (std::ptrdiff_t i = 0; i < g.rows; ++i)
#pragma GCC unroll 4
      for (std::ptrdiff_t j = 0; j < g.p; j += lanes)
        store(g.h_out + i * g.ldh + j, F::template value<T>(load(pre + i * g.ldh + j), constants));
  if constexpr (kHalves) g.q > lanes / 2 ? turned_back<T, true>(g) : turned_back<T, false>(g);
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

// What a register of h, or half of one, brings on the way back: Q columns of z, and the sums from the first row down.
template <class T, class R, int Q>
struct BackColumn {
  static constexpr std::ptrdiff_t lanes = kLanes<T>, count = std::ptrdiff_t(sizeof(R) / sizeof(T));
  R w[Q], dW[Q], db;

  static LIKELIEST_INLINE R get(const T* p) {
    if constexpr (count == lanes)
      return load(p);
    else
      return load_half(p);
  }
  LIKELIEST_INLINE void begin(const Narrow<T>& g, const NarrowSums<T>& sums, std::ptrdiff_t c) {
#pragma GCC unroll 16
    for (int j = 0; j < Q; ++j) {
      w[j] = get(g.W + turned_index(g, j, c));
      dW[j] = sums.accumulate ? get(sums.W + turned_index(g, j, c)) : R{};
    }
    db = sums.bias && sums.accumulate ? get(sums.bias + c * lanes) : R{};
  }
  template <class F>
  LIKELIEST_INLINE void row(const T* z, const T* values, const T* saved, T* out, const T* constants) {
    R slope{};  // so that every product is a multiply-add: of two, either could be one
    const R h = get(values);
#pragma GCC unroll 16
    for (int j = 0; j < Q; ++j) {
      slope += z[j] * w[j];
      dW[j] += z[j] * h;
    }
    if constexpr (count == lanes)
      slope = chain<T, F>(slope, get(saved), constants);
    else
      slope = lower_half<T>(chain<T, F>(widen<T>(slope), widen<T>(get(saved)), constants));
    store(out, slope);
    db += slope;
  }
  LIKELIEST_INLINE void end(const Narrow<T>& g, const NarrowSums<T>& sums, std::ptrdiff_t c) {
#pragma GCC unroll 16
    for (int j = 0; j < Q; ++j) store(sums.W + turned_index(g, j, c), dW[j]);
    if (sums.bias) store(sums.bias + c * lanes, db);
  }
};

// h may have anything in its padding, W has zeros there.
template <class T>
__attribute__((noinline)) void clear_padding(const Narrow<T>& g, const NarrowSums<T>& sums) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const std::ptrdiff_t c = (g.p - 1) / lanes, rest = g.p - c * lanes;
  for (std::ptrdiff_t n = rest; n < lanes; ++n) {
    for (std::ptrdiff_t j = 0; j < g.q; ++j) sums.W[turned_index(g, j, c) + n] = T(0);
    if (sums.bias && !sums.accumulate) sums.bias[c * lanes + n] = T(0);
  }
}

// dLL/dpre = dLL/dz W^T o F', with h = F(pre), and what it sums up to: registers [c, c + V) of all rows, and half of
// one more when HALF.
template <class T, class F, int V, int Q, bool HALF>
LIKELIEST_INLINE void back_through(const T* saved, const Narrow<T>& g, const NarrowSums<T>& sums, const T* constants,
                                   std::ptrdiff_t c) {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  BackColumn<T, Vector<T>, Q> whole[V > 0 ? V : 1];
  BackColumn<T, Half<T>, Q> half;
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) whole[v].begin(g, sums, c + v);
  if constexpr (HALF) half.begin(g, sums, c + V);
  // By themselves: stores might be to where g is, for all that the compiler knows.
  const std::ptrdiff_t rows = g.rows, ldz = g.ldz, ldh = g.ldh;
  const T *z = g.z, *h = g.h + c * lanes, *kept = saved + c * lanes;
  T* out = g.h_out + c * lanes;
  const bool own = sums.own_bias && c == 0;
  Vector<T> own_bias = own && sums.accumulate ? load(sums.own_bias) : Vector<T>{};
  for (std::ptrdiff_t i = 0; i < rows; ++i, z += ldz, h += ldh, kept += ldh, out += ldh) {
    own_bias += load(z);
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v)
      whole[v].template row<F>(z, h + v * lanes, kept + v * lanes, out + v * lanes, constants);
    if constexpr (HALF) half.template row<F>(z, h + V * lanes, kept + V * lanes, out + V * lanes, constants);
  }
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) whole[v].end(g, sums, c + v);
  if constexpr (HALF) half.end(g, sums, c + V);
  if (own) store(sums.own_bias, own_bias);
}
template <class T, class F, int Q>
LIKELIEST_INLINE void back_through_all(const T* saved, const Narrow<T>& g, const NarrowSums<T>& sums,
                                       const T* constants) {
  constexpr int V = Q == 1 ? 4 : Q == 2 || (Q <= 4 && kTileRows >= 12) ? 2 : 1;  // what fits into the registers
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const std::ptrdiff_t registers = (g.p + lanes - 1) / lanes;
  const std::ptrdiff_t whole = registers - (kHalves && g.p - (registers - 1) * lanes <= lanes / 2);
  std::ptrdiff_t c = 0;
  for (; c + V <= whole; c += V) back_through<T, F, V, Q, false>(saved, g, sums, constants, c);
  if constexpr (kHalves)
    if (whole < registers && whole - c == V - 1)
      return back_through<T, F, V - 1, Q, true>(saved, g, sums, constants, c);
  if constexpr (V > 1)
    for (; c < registers; ++c) back_through<T, F, 1, Q, false>(saved, g, sums, constants, c);
}
template <class T, class F, int Q = int(most_narrow(kLanes<T>))>
void backward_narrow(const T* saved, const Narrow<T>& g, const NarrowSums<T>& sums, const T* constants) noexcept {
  if (g.q == Q) {
    back_through_all<T, F, Q>(saved, g, sums, constants);
    clear_padding(g, sums);
  } else if constexpr (Q > 1) {
    backward_narrow<T, F, Q - 1>(saved, g, sums, constants);
  }
}

inline constexpr int kAtATime = 4;

// Q rows of a panel of the turned gradient, of V registers.
template <class T, int V, int Q>
LIKELIEST_INLINE void gradient_rows(const Narrow<T>& g, const T* h, const T* z, T* C, bool accumulate,
                                    std::ptrdiff_t columns) {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  Vector<T> sums[Q][V] = {};
#pragma GCC unroll 4
  for (int j = 0; j < Q; ++j)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v)
      if (accumulate) sums[j][v] = load(C + (j * V + v) * lanes);
  for (std::ptrdiff_t i = 0; i < g.rows; ++i, h += g.ldh, z += g.ldz)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      const Vector<T> row = load(h + v * lanes);
#pragma GCC unroll 4
      for (int j = 0; j < Q; ++j) sums[j][v] += z[j] * row;
    }
#pragma GCC unroll 4
  for (int j = 0; j < Q; ++j) {
    // h may have anything in its padding, W has zeros there.
    if (const std::ptrdiff_t rest = columns - (V - 1) * lanes; rest < lanes)
      for (std::ptrdiff_t n = rest; n < lanes; ++n) sums[j][V - 1][n] = T(0);
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) store(C + (j * V + v) * lanes, sums[j][v]);
  }
}

// Panels [begin, end) of the turned dLL/dW = dLL/dz^T h, added up from the first row down, stored or applied.
template <class T>
void narrow_gradient(const Narrow<T>& g, std::ptrdiff_t begin, std::ptrdiff_t end, T* out, bool accumulate,
                     const Update<T>* update) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>, width = 2 * lanes;
  alignas(64) T scratch[most_narrow(lanes) * width];
  for (std::ptrdiff_t panel = begin; panel < end; ++panel) {
    const std::ptrdiff_t columns = g.p - panel * width, v = columns <= lanes ? 1 : 2;
    const std::ptrdiff_t offset = panel * g.q * width, stride = v * lanes;
    const T* h = g.h + panel * width;
    T* C = update ? scratch : out + offset;
    std::ptrdiff_t j = 0;
    for (; j + kAtATime <= g.q; j += kAtATime)  // as many sums at a time, since one waits for itself
      v == 1 ? gradient_rows<T, 1, kAtATime>(g, h, g.z + j, C + j * stride, accumulate, columns)
             : gradient_rows<T, 2, kAtATime>(g, h, g.z + j, C + j * stride, accumulate, columns);
    for (; j < g.q; ++j)
      v == 1 ? gradient_rows<T, 1, 1>(g, h, g.z + j, C + j * stride, accumulate, columns)
             : gradient_rows<T, 2, 1>(g, h, g.z + j, C + j * stride, accumulate, columns);
    if (update) update->apply(offset, scratch, g.q * stride);
  }
}

}  // namespace likeliest::LIKELIEST_ISA
