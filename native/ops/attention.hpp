// h_t = sum_s a_ts v_s with a_ts = softmax over s of q_t . k_s / sqrt(d), for one head of one example, and its chain
// rule. The weights a are not kept: from the logarithm of each row's sum of exponentials they are there again.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/gemm.hpp"
#include "kernels/mathematics.hpp"
#include "ops/convolution.hpp"

namespace likeliest::LIKELIEST_ISA {

// The transpose of `rows` rows of x, times a factor: (columns x rows), rows of `ldt` numbers that end in zeros.
template <class T>
LIKELIEST_INLINE void turn_over(const T* x, std::ptrdiff_t ldx, std::ptrdiff_t rows, std::ptrdiff_t columns, T factor,
                                T* to, std::ptrdiff_t ldt) {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  for (std::ptrdiff_t i = 0; i < ldt; i += lanes)
    for (std::ptrdiff_t j = 0; j < columns; j += lanes) {
      Vector<T> square[lanes];
      for (std::ptrdiff_t l = 0; l < lanes; ++l)
        square[l] = i + l < rows ? load(x + (i + l) * ldx + j) * factor : Vector<T>{};
      transpose<T>(square);
      for (std::ptrdiff_t l = 0; l < lanes && j + l < columns; ++l) store(to + (j + l) * ldt + i, square[l]);
    }
}

// C = A B, or A^T B, whose columns stand as they are, without panels, and of which only C's own are written; the sums
// run over K of A's columns, or of its rows.
template <class T, bool TRANSPOSED>
LIKELIEST_INLINE void product(std::ptrdiff_t rows, std::ptrdiff_t K, std::ptrdiff_t columns, const T* A,
                              std::ptrdiff_t lda, const T* B, std::ptrdiff_t ldb, T* C, std::ptrdiff_t ldc) {
  constexpr std::ptrdiff_t lanes = kLanes<T>, width = 2 * lanes;
  const Segment all{0, std::int32_t(K), true, 0};
  const Tiles tiles(rows);
  for (std::ptrdiff_t p = 0; p * width < columns; ++p) {
    const int halves = halves_of_panel<T>(columns, p);
    const std::ptrdiff_t count = columns - p * width < width ? columns - p * width : width;
    for (std::ptrdiff_t i = 0; i < tiles.count; ++i) {
      const std::ptrdiff_t r = tiles.begin(i), m = tiles.begin(i + 1) - r;
      alignas(64) T scratch[kTileRows * width];
      const bool whole = count * 2 == halves * lanes;
      T* to = whole ? C + r * ldc + p * width : scratch;
      const std::ptrdiff_t stride = whole ? ldc : width;
      run_tile<T, TRANSPOSED>(
          int(m), halves,
          {K, {&all, 1}, A + (TRANSPOSED ? r : r * lda), lda, B + p * width, ldb, to, stride, Start::zero, nullptr});
      if (!whole)
        for (std::ptrdiff_t k = 0; k < m; ++k)
          for (std::ptrdiff_t j = 0; j < count; ++j) C[(r + k) * ldc + p * width + j] = scratch[k * width + j];
    }
  }
}

// Queries a few at a time, so that with `causal` little is computed that does not count: f(first, how many, keys).
template <class T, class F>
LIKELIEST_INLINE void each_block(const Attention<T>& s, F&& f) {
  constexpr std::ptrdiff_t rows = 4 * kTileRows;
  for (std::ptrdiff_t t = 0; t < s.queries; t += rows) {
    const std::ptrdiff_t count = s.queries - t < rows ? s.queries - t : rows;
    f(t, count, s.causal && t + count < s.keys ? t + count : s.keys);
  }
}
// How many keys query t sees.
template <class T>
LIKELIEST_INLINE std::ptrdiff_t seen(const Attention<T>& s, std::ptrdiff_t t) {
  return s.causal && t + 1 < s.keys ? t + 1 : s.keys;
}

// The weights of some queries, from z; what is not seen has 0. With `known`, from the logarithms of their sums.
template <class T>
LIKELIEST_INLINE void softmax_of_rows(const Attention<T>& s, std::ptrdiff_t first, std::ptrdiff_t count, T* a,
                                      std::ptrdiff_t lda, bool known) {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  for (std::ptrdiff_t i = 0; i < count; ++i, a += lda) {
    const std::ptrdiff_t keys = seen(s, first + i);
    for (std::ptrdiff_t j = keys; j < lda; ++j) a[j] = T(-1e30);  // e^z is 0
    if (known) {
      const T log_sum = s.log_sums[first + i];
      for (std::ptrdiff_t j = 0; j < lda; j += lanes) store(a + j, exp<T>(load(a + j) - log_sum));
      continue;
    }
    Vector<T> top = load(a), total{};
    for (std::ptrdiff_t j = lanes; j < lda; j += lanes) {
      const Vector<T> z = load(a + j);
      top = z > top ? z : top;
    }
    T most = top[0];
    for (int l = 1; l < lanes; ++l) most = top[l] > most ? top[l] : most;
    for (std::ptrdiff_t j = 0; j < lda; j += lanes) {
      const Vector<T> e = exp<T>(load(a + j) - most);
      total += e;
      store(a + j, e);
    }
    const T sum = sum_of_lanes<T>(total), share = T(1) / sum;
    for (std::ptrdiff_t j = 0; j < lda; j += lanes) store(a + j, load(a + j) * share);
    s.log_sums[first + i] = most + log<T>(broadcast(sum))[0];
  }
}

// z, then a, of some queries.
template <class T>
LIKELIEST_INLINE void weights_of(const Attention<T>& s, std::ptrdiff_t t, std::ptrdiff_t count, std::ptrdiff_t keys,
                                 const T* turned, T* a, bool known) {
  const std::ptrdiff_t lda = s.ld_scratch;
  const std::ptrdiff_t whole = (keys + kLanes<T> - 1) / kLanes<T> * kLanes<T>;  // behind the keys there are zeros
  product<T, false>(count, s.d, whole, s.q + t * s.ldq, s.ldq, turned, lda, a, lda);
  softmax_of_rows(s, t, count, a, lda, known);
}

template <class T>
void attention(const Attention<T>& s) noexcept {
  const std::ptrdiff_t lda = s.ld_scratch;
  T *turned = s.scratch, *a = turned + (s.d > s.e ? s.d : s.e) * lda;
  turn_over(s.k, s.ldk, s.keys, s.d, (T(1) / square_root(broadcast(T(s.d))))[0], turned, lda);
  each_block(s, [&](std::ptrdiff_t t, std::ptrdiff_t count, std::ptrdiff_t keys) {
    weights_of(s, t, count, keys, turned, a, false);
    product<T, false>(count, keys, s.e, a, lda, s.v, s.ldv, s.h + t * s.ldh, s.ldh);
  });
}

template <class T>
void attention_back(const Attention<T>& s) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const std::ptrdiff_t lda = s.ld_scratch;
  const T factor = (T(1) / square_root(broadcast(T(s.d))))[0];
  T *turned = s.scratch, *a = turned + (s.d > s.e ? s.d : s.e) * lda, *slope = a + s.queries * lda;
  turn_over(s.k, s.ldk, s.keys, s.d, factor, turned, lda);
  each_block(s, [&](std::ptrdiff_t t, std::ptrdiff_t count, std::ptrdiff_t keys) {
    weights_of(s, t, count, keys, turned, a + t * lda, true);
  });
  turn_over(s.v, s.ldv, s.keys, s.e, T(1), turned, lda);
  each_block(s, [&](std::ptrdiff_t t, std::ptrdiff_t count, std::ptrdiff_t keys) {
    product<T, false>(count, s.e, (keys + lanes - 1) / lanes * lanes, s.g + t * s.ldh, s.ldh, turned, lda,
                      slope + t * lda, lda);
    for (std::ptrdiff_t i = t; i < t + count; ++i) {
      const T* share = a + i * lda;
      T* u = slope + i * lda;
      const std::ptrdiff_t some = seen(s, i);
      for (std::ptrdiff_t j = some; j < lda; ++j) u[j] = T(0);
      Vector<T> total{};
      for (std::ptrdiff_t j = 0; j < some; j += lanes) total += load(share + j) * load(u + j);
      const T along = sum_of_lanes<T>(total);
      for (std::ptrdiff_t j = 0; j < some; j += lanes) store(u + j, load(share + j) * (load(u + j) - along) * factor);
    }
    if (s.dq) product<T, false>(count, keys, s.d, slope + t * lda, lda, s.k, s.ldk, s.dq + t * s.ldq, s.ldq);
  });
  // Keys likewise a few at a time, of which those that are causal are seen by later queries only.
  constexpr std::ptrdiff_t rows = 4 * kTileRows;
  for (std::ptrdiff_t k = 0; k < s.keys; k += rows) {
    const std::ptrdiff_t count = s.keys - k < rows ? s.keys - k : rows, first = !s.causal       ? 0
                                                                                : k < s.queries ? k
                                                                                                : s.queries;
    const T *g = s.g + first * s.ldh, *q = s.q + first * s.ldq;
    const std::ptrdiff_t queries = s.queries - first, at = first * lda + k;
    if (s.dv) product<T, true>(count, queries, s.e, a + at, lda, g, s.ldh, s.dv + k * s.ldv, s.ldv);
    if (s.dk) product<T, true>(count, queries, s.d, slope + at, lda, q, s.ldq, s.dk + k * s.ldk, s.ldk);
  }
}

}  // namespace likeliest::LIKELIEST_ISA
