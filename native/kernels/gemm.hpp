// Matrix products, C = A B + start, tile by tile.
//
// B stands in panels of 2 registers' width (a last, thin one may have 1), A is read in place, row by row or, as A^T,
// column by column, and a tile of C stays in registers while k runs. Every number of C is one chain of multiply-adds in
// the order of k, whatever the tile: how the work is cut never changes a bit of the result.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/vector.hpp"
#include "ops/relu.hpp"

namespace likeliest::LIKELIEST_ISA {

// c += A B over k in [0, K). Rows of A are `lda` apart, or its columns when TRANSPOSED; rows of B are `ldb` apart.
template <class T, int M, int V, bool TRANSPOSED>
LIKELIEST_INLINE void accumulate(Vector<T> (&c)[M][V], std::ptrdiff_t K, const T* A, std::ptrdiff_t lda, const T* B,
                                 std::ptrdiff_t ldb) {
  constexpr int lanes = kLanes<T>;
  if constexpr (TRANSPOSED) {
    for (std::ptrdiff_t k = 0; k < K; ++k, A += lda, B += ldb) {
      Vector<T> b[V];
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) b[v] = load(B + v * lanes);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i)
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) c[i][v] += A[i] * b[v];
    }
  } else {
    // One pointer for every three rows (the others are lda and 2 lda away), so that all stay in integer registers.
    constexpr int groups = (M + 2) / 3, unrolled = 4;
    const T* rows[groups];
#pragma GCC unroll 5
    for (int g = 0; g < groups; ++g) rows[g] = A + 3 * g * lda;
    const auto step = [&](int ahead) __attribute__((always_inline)) {
      Vector<T> b[V];
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) b[v] = load(B + v * lanes);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
        const T a = rows[i / 3][ahead + (i % 3) * lda];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) c[i][v] += a * b[v];
      }
      B += ldb;
    };
    std::ptrdiff_t k = 0;
    for (; k + unrolled <= K; k += unrolled) {
#pragma GCC unroll 4
      for (int ahead = 0; ahead < unrolled; ++ahead) step(ahead);
#pragma GCC unroll 5
      for (int g = 0; g < groups; ++g) rows[g] += unrolled;
    }
    for (; k < K; ++k) {
      step(0);
#pragma GCC unroll 5
      for (int g = 0; g < groups; ++g) ++rows[g];
    }
  }
}

// A tile of C, m x v: rows of A^T, or of A with the segments of its columns that count.
template <class T>
struct TileArguments {
  std::ptrdiff_t K;
  Segments k;
  const T* A;
  std::ptrdiff_t lda;
  const T* B;
  std::ptrdiff_t ldb;
  T* C;
  std::ptrdiff_t ldc;
  Start start;
  const T* bias;
  bool relu = false;
};

template <class T, int M, int V, bool TRANSPOSED>
void tile(const TileArguments<T>& t) noexcept {
  constexpr int lanes = kLanes<T>;
  Vector<T> c[M][V];
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v)
      c[i][v] = t.start == Start::zero   ? Vector<T>{}
                : t.start == Start::bias ? load(t.bias + v * lanes)
                                         : load(t.C + i * t.ldc + v * lanes);
  if constexpr (TRANSPOSED) {
    accumulate<T, M, V, true>(c, t.K, t.A, t.lda, t.B, t.ldb);
  } else {
    for (std::ptrdiff_t s = 0; s < t.k.count; ++s) {
      const Segment k = t.k.data[s];
      if (k.used) accumulate<T, M, V, false>(c, k.end - k.begin, t.A + k.begin, t.lda, t.B + k.begin * t.ldb, t.ldb);
    }
  }
  if (!TRANSPOSED && t.relu)
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) c[i][v] = Relu::value<T>(c[i][v], nullptr);
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) store(t.C + i * t.ldc + v * lanes, c[i][v]);
}

// The tile for m rows and v registers, 1 <= m <= kTileRows, 1 <= v <= 2.
template <class T, bool TRANSPOSED, int M = kTileRows>
LIKELIEST_INLINE void run_tile(int m, int v, const TileArguments<T>& t) {
  if (m == M) {
    v == 1 ? tile<T, M, 1, TRANSPOSED>(t) : tile<T, M, 2, TRANSPOSED>(t);
  } else if constexpr (M > 1) {
    run_tile<T, TRANSPOSED, M - 1>(m, v, t);
  }
}

// Rows cut into tiles of nearly equal height, at most kTileRows.
struct Tiles {
  std::ptrdiff_t rows, count;
  explicit Tiles(std::ptrdiff_t rows) : rows(rows), count((rows + kTileRows - 1) / kTileRows) {}
  std::ptrdiff_t begin(std::ptrdiff_t i) const { return i * rows / count; }
};

template <class T>
LIKELIEST_INLINE int registers_of_panel(std::ptrdiff_t columns, std::ptrdiff_t panel) {
  return columns - panel * 2 * kLanes<T> <= kLanes<T> ? 1 : 2;
}

template <class T>
void multiply(const Multiply<T>& g) noexcept {
  constexpr std::ptrdiff_t width = 2 * kLanes<T>;
  const Tiles tiles(g.rows);
  for (std::ptrdiff_t p = g.panel_begin; p < g.panel_end; ++p) {
    const int v = registers_of_panel<T>(g.columns, p);
    for (std::ptrdiff_t i = 0; i < tiles.count; ++i) {
      const std::ptrdiff_t r = tiles.begin(i);
      run_tile<T, false>(int(tiles.begin(i + 1) - r), v,
                         {0, g.k, g.A + r * g.lda, g.lda, g.B + p * g.height * width, v * kLanes<T>,
                          g.C + r * g.ldc + p * width, g.ldc, g.start, g.bias ? g.bias + p * width : nullptr, g.relu});
    }
  }
}

// Each tile of C is handed to the optimizer while it is in cache.
template <class T>
void multiply_transposed(const MultiplyTransposed<T>& g) noexcept {
  constexpr std::ptrdiff_t width = 2 * kLanes<T>;
  const std::ptrdiff_t panels = (g.columns + width - 1) / width;
  std::ptrdiff_t tiles = 0;
  for (std::ptrdiff_t s = 0; s < g.rows.count; ++s) tiles += Tiles(g.rows.data[s].end - g.rows.data[s].begin).count;
  // The share of this call, in tiles of all panels, panel after panel.
  std::ptrdiff_t skip = panels * tiles * g.part / g.parts, left = panels * tiles * (g.part + 1) / g.parts - skip;
  const std::ptrdiff_t rows_a_tile = g.ahead && left > 0 ? g.ahead->count / left + 1 : 0;
  alignas(64) T scratch[kTileRows * width];
  for (std::ptrdiff_t p = tiles ? skip / tiles : panels; p < panels && left > 0; ++p) {
    const int v = registers_of_panel<T>(g.columns, p);
    const std::ptrdiff_t stride = v * kLanes<T>;
    skip = skip >= tiles ? skip % tiles : skip;
    for (std::ptrdiff_t s = 0; s < g.rows.count && left > 0; ++s) {
      const Segment segment = g.rows.data[s];
      const Tiles cut(segment.end - segment.begin);
      if (skip >= cut.count) {
        skip -= cut.count;
        continue;
      }
      for (std::ptrdiff_t i = skip; i < cut.count && left > 0; ++i, --left) {
        const std::ptrdiff_t r = segment.begin + cut.begin(i), m = segment.begin + cut.begin(i + 1) - r;
        const std::ptrdiff_t offset = p * g.height * width + r * stride;
        T* C = g.update ? scratch : g.C + offset;
        if (g.ahead) g.ahead->fetch(rows_a_tile);
        if (segment.used) {
          run_tile<T, true>(int(m), v, {g.K, {}, g.A + r, g.lda, g.B + p * width, g.ldb, C, stride, g.start, nullptr});
        } else if (g.update ? g.update->moves_without_gradient : g.start == Start::zero) {
          for (std::ptrdiff_t k = 0; k < m * stride; k += kLanes<T>) store(C + k, Vector<T>{});
        } else {
          continue;
        }
        if (g.update) g.update->apply(offset, scratch, m * stride);
      }
      skip = 0;
    }
  }
}

}  // namespace likeliest::LIKELIEST_ISA
