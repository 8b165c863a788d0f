// Products with a weight of few columns, z = h W + b, as that of an output layer often is: h (n x p), W (p x q), q at
// most `most_narrow`.
//
// A register across the columns of W would be half empty, or wait for its own sums. So W stands turned, (q x p) in
// panels, and registers go along p: each z is added up lane by lane, and the lanes by halves; on the way back all sums
// go through the rows once. Where adding up lanes would take long, for more than a few columns, a register has several
// numbers of each column instead.
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

// In each group of P lanes their sum, and then the first lane of each group, with zeros behind them.
template <class T, int P, int... L>
LIKELIEST_INLINE Vector<T> sums_of_groups(Vector<T> v, std::integer_sequence<int, L...>) {
  if constexpr (P > 2) v += __builtin_shufflevector(v, v, (L ^ 2)...);
  v += __builtin_shufflevector(v, v, (L ^ 1)...);
  return __builtin_shufflevector(v, Vector<T>{}, (L * P < kLanes<T> ? L * P : kLanes<T>)...);
}

// The sums of the pairs of lanes of two registers, one behind the other.
template <class T, int... L>
LIKELIEST_INLINE Vector<T> sums_of_pairs(Vector<T> a, Vector<T> b, std::integer_sequence<int, L...>) {
  return __builtin_shufflevector(a, b, (2 * L)...) + __builtin_shufflevector(a, b, (2 * L + 1)...);
}

// W packed: in each register P rows of lanes / P columns, column by column, and R such registers for all of them. M
// rows of h, P numbers of which at a time meet all columns: `count` times R registers of W from row `k` on.
template <int R>
inline constexpr int kTogether = R == 1 ? 8 : 6;  // so many sums in registers
template <class T, int P, int R, int M = kTogether<R>>
LIKELIEST_INLINE void packed_rows(int m, const Narrow<T>& g, const T* W, std::ptrdiff_t row, std::ptrdiff_t k,
                                  std::ptrdiff_t count) {
  constexpr int lanes = kLanes<T>;
  constexpr std::make_integer_sequence<int, lanes> all;
  if (m == M) {
    const std::ptrdiff_t ldh = g.ldh, ldz = g.ldz;
    const T* h = g.h + row * ldh + k;
    Vector<T> sums[M][R] = {};
    for (std::ptrdiff_t b = 0; b < count; ++b, h += P) {
      Vector<T> w[R];
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) w[r] = load(W + (b * R + r) * lanes);
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) {
        const Vector<T> some = repeat<T, P>(h + i * ldh);
#pragma GCC unroll 2
        for (int r = 0; r < R; ++r) sums[i][r] += some * w[r];
      }
    }
    const T* start = k > 0 ? g.z + row * ldz : g.bias;  // which may be null
    const std::ptrdiff_t apart = k > 0 ? ldz : 0;
    T* z = g.z + row * ldz;
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      Vector<T> total;
      if constexpr (R == 1)
        total = sums_of_groups<T, P>(sums[i][0], all);
      else
        total = sums_of_pairs<T>(sums[i][0], sums[i][1], all);
      store(z + i * ldz, start ? total + load(start + i * apart) : total);
    }
  } else if constexpr (M > 1) {
    packed_rows<T, P, R, M - 1>(m, g, W, row, k, count);
  }
}

// Up to R lanes / P columns of z, some rows of W at a time.
template <class T, int P, int R>
void packed_columns(const Narrow<T>& g) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>, columns = lanes / P, most = 64, together = kTogether<R>;
  static_assert(R == 1 || P == 2);
  alignas(64) T W[most * columns * R];
  for (std::ptrdiff_t k0 = 0; k0 < g.p; k0 += most) {
    const std::ptrdiff_t rows = g.p - k0 < most ? g.p - k0 : most;
    for (std::ptrdiff_t k = 0; k < rows; k += lanes)
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) {
        Vector<T> square[columns];
        for (std::ptrdiff_t j = 0; j < columns; ++j)
          square[j] =
              r * columns + j < g.q ? load(g.W + turned_index(g, r * columns + j, (k0 + k) / lanes)) : Vector<T>{};
        transpose<T, P>(square);
        for (std::ptrdiff_t i = 0; i < columns; ++i) store(W + (k * columns + i * lanes) * R + r * lanes, square[i]);
      }
    for (std::ptrdiff_t row = 0; row < g.rows; row += together)
      packed_rows<T, P, R>(int(g.rows - row < together ? g.rows - row : together), g, W, row, k0, (rows + P - 1) / P);
  }
}

template <class T, class F>
void forward_narrow(const T* pre, const Narrow<T>& g, const T* constants) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  constexpr int by = kRepeats<T>;  // at most so many numbers, again and again
  if (by == 0 || g.q <= lanes / (2 * by)) return narrow_columns<T, F>(pre, g, constants);
  if constexpr (!std::is_void_v<F>)
    for (std::ptrdiff_t i = 0; i < g.rows; ++i)
#pragma GCC unroll 4
      for (std::ptrdiff_t j = 0; j < g.p; j += lanes)
        store(g.h_out + i * g.ldh + j, F::template value<T>(load(pre + i * g.ldh + j), constants));
  if constexpr (by == 4)
    if (g.q <= lanes / 4) return packed_columns<T, 4, 1>(g);
  if constexpr (by > 0) {
    if (g.q <= lanes / 2) return packed_columns<T, 2, 1>(g);
    if constexpr (most_narrow(lanes) > lanes / 2) packed_columns<T, 2, 2>(g);
  }
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
// Without the gradient of W if not WEIGHTS.
template <class T, class R, int Q, bool WEIGHTS = true>
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
      if constexpr (WEIGHTS) dW[j] = sums.accumulate ? get(sums.W + turned_index(g, j, c)) : R{};
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
      if constexpr (WEIGHTS) dW[j] += z[j] * h;
    }
    if constexpr (count == lanes)
      slope = chain<T, F>(slope, get(saved), constants);
    else
      slope = lower_half<T>(chain<T, F>(widen<T>(slope), widen<T>(get(saved)), constants));
    store(out, slope);
    db += slope;
  }
  // h may have anything in its padding, W has zeros there.
  LIKELIEST_INLINE void end(const Narrow<T>& g, const NarrowSums<T>& sums, std::ptrdiff_t c) {
    const std::ptrdiff_t columns = g.p - c * lanes;
    if constexpr (WEIGHTS)
#pragma GCC unroll 16
      for (int j = 0; j < Q; ++j) store(sums.W + turned_index(g, j, c), first_lanes<T>(whole(dW[j]), columns));
    if (sums.bias && sums.accumulate)
      store(sums.bias + c * lanes, db);
    else if (sums.bias)
      store(sums.bias + c * lanes, first_lanes<T>(whole(db), columns));
  }

 private:
  static LIKELIEST_INLINE Vector<T> whole(R v) {
    if constexpr (count == lanes)
      return v;
    else
      return widen<T>(v);
  }
};

// The gradient of W's rows for the last two of h, or one, with the columns of W in the lanes.
template <class T, int Q>
struct GradientOfPair {
  static constexpr std::ptrdiff_t lanes = kLanes<T>;
  Vector<T> dW[2];

  LIKELIEST_INLINE void begin(const Narrow<T>& g, const NarrowSums<T>& sums, std::ptrdiff_t c) {
    const auto row = [&](int n) __attribute__((always_inline)) {
      return load_lanes<T>(sums.W + turned_index(g, 0, c) + n, turned_index(g, 1, c) - turned_index(g, 0, c),
                           std::make_integer_sequence<int, Q>());
    };
#pragma GCC unroll 2
    for (int n = 0; n < 2; ++n) dW[n] = sums.accumulate ? row(n) : Vector<T>{};
  }
  LIKELIEST_INLINE void row(Vector<T> z, const T* h) {
#pragma GCC unroll 2
    for (int n = 0; n < 2; ++n) dW[n] += z * h[n];
  }
  LIKELIEST_INLINE void end(const Narrow<T>& g, const NarrowSums<T>& sums, std::ptrdiff_t c) {
    alignas(kBytes) T lane[2 * lanes];
#pragma GCC unroll 2
    for (int n = 0; n < 2; ++n) store(lane + n * lanes, dW[n]);
    const bool two = g.p - c * lanes > 1;
    for (int j = 0; j < Q; ++j) store(sums.W + turned_index(g, j, c), Vector<T>{lane[j], two ? lane[lanes + j] : T(0)});
  }
};

// dLL/dpre = dLL/dz W^T o F', with h = F(pre), and what it sums up to: registers [c, c + V) of all rows, and the rest.
template <class T, class F, int V, int Q, Rest REST>
LIKELIEST_INLINE void back_through(const T* saved, const Narrow<T>& g, const NarrowSums<T>& sums, const T* constants,
                                   std::ptrdiff_t c) {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  BackColumn<T, Vector<T>, Q> whole[V > 0 ? V : 1];
  BackColumn<T, Half<T>, Q, REST != Rest::pair> half;
  GradientOfPair<T, Q> pair;
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) whole[v].begin(g, sums, c + v);
  if constexpr (REST != Rest::none) half.begin(g, sums, c + V);
  if constexpr (REST == Rest::pair) pair.begin(g, sums, c + V);
  // By themselves: stores might be to where g is, for all that the compiler knows.
  const std::ptrdiff_t rows = g.rows, ldz = g.ldz, ldh = g.ldh;
  const T *z = g.z, *h = g.h + c * lanes, *kept = saved + c * lanes;
  T* out = g.h_out + c * lanes;
  const bool own = sums.own_bias && c == 0;
  Vector<T> own_bias = own && sums.accumulate ? load(sums.own_bias) : Vector<T>{};
  for (std::ptrdiff_t i = 0; i < rows; ++i, z += ldz, h += ldh, kept += ldh, out += ldh) {
    own_bias += load(z);
    if constexpr (REST == Rest::pair) pair.row(load(z), h + V * lanes);  // before its place is stored to
    T z_of_row[Q];  // read once, since stores might be to where z is
#pragma GCC unroll 16
    for (int j = 0; j < Q; ++j) z_of_row[j] = z[j];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v)
      whole[v].template row<F>(Q <= 4 ? z_of_row : z, h + v * lanes, kept + v * lanes, out + v * lanes, constants);
    if constexpr (REST != Rest::none)
      half.template row<F>(z, h + V * lanes, kept + V * lanes, out + V * lanes, constants);
  }
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) whole[v].end(g, sums, c + v);
  if constexpr (REST != Rest::none) half.end(g, sums, c + V);
  if constexpr (REST == Rest::pair) pair.end(g, sums, c + V);
  if (own) store(sums.own_bias, own_bias);
}
template <class T, class F, int Q>
LIKELIEST_INLINE void back_through_all(const T* saved, const Narrow<T>& g, const NarrowSums<T>& sums,
                                       const T* constants) {
  // As many registers at a time as there is room for; and of the most columns two all the same: some of W is then read
  // again and again, but z half as often.
  constexpr bool two = Q == 2 || (Q <= 4 && kTileRows >= 12) || (Q == 8 && kBytes == 64);
  constexpr int V = Q == 1 ? 4 : two ? 2 : 1;
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const std::ptrdiff_t registers = (g.p + lanes - 1) / lanes;
  const std::ptrdiff_t whole = registers - (kHalves && g.p - (registers - 1) * lanes <= lanes / 2);
  std::ptrdiff_t c = 0;
  for (; c + V <= whole; c += V) back_through<T, F, V, Q, Rest::none>(saved, g, sums, constants, c);
  if constexpr (kHalves)
    if (whole < registers && whole - c == V - 1) {
      if constexpr (Q >= 4)
        if (g.p - whole * lanes <= 2) return back_through<T, F, V - 1, Q, Rest::pair>(saved, g, sums, constants, c);
      return back_through<T, F, V - 1, Q, Rest::half>(saved, g, sums, constants, c);
    }
  if constexpr (V > 2) {
    if (c + 3 == registers) return back_through<T, F, 3, Q, Rest::none>(saved, g, sums, constants, c);
    if (c + 2 == registers) return back_through<T, F, 2, Q, Rest::none>(saved, g, sums, constants, c);
  }
  if constexpr (V > 1)
    for (; c < registers; ++c) back_through<T, F, 1, Q, Rest::none>(saved, g, sums, constants, c);
}
template <class T, class F, int Q = int(most_narrow(kLanes<T>))>
void backward_narrow(const T* saved, const Narrow<T>& g, const NarrowSums<T>& sums, const T* constants) noexcept {
  if (g.q == Q) {
    back_through_all<T, F, Q>(saved, g, sums, constants);
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
