// Matrix products, C = A B + start, tile by tile.
//
// B stands in panels of 2 registers' width (a last, thin one may have 1), A is read in place, row by row or, as A^T,
// column by column, and a tile of C stays in registers while k runs. Every number of C is one chain of multiply-adds in
// the order of k (or four, see kDots), whatever the tile: how the work is cut never changes a bit of the result. Where
// half a register is enough for the last columns of B, or two numbers, the rest of C's is left as it was, and must be
// 0.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/vector.hpp"
#include "ops/relu.hpp"

namespace likeliest::LIKELIEST_ISA {

// What a tile has beside V whole registers of columns: half a register, or two columns, which stand along the rows of
// C: one register has all of a column.
enum class Rest { none, half, pair };
inline constexpr bool kPairs = kBytes >= 32;  // where a register has enough lanes for that

// The numbers of a tile: M rows of V registers, and the rest of these rows.
template <class T, int M, int V, Rest REST>
struct Sums {
  Vector<T> whole[M][V > 0 ? V : 1];
  Half<T> half[M];
  Vector<T> pair[2];
};
// One row of B as wide.
template <class T, int V, Rest REST>
struct RowOfB {
  Vector<T> whole[V > 0 ? V : 1];
  Half<T> half;
  LIKELIEST_INLINE explicit RowOfB(const T* B) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) whole[v] = load(B + v * kLanes<T>);
    if constexpr (REST == Rest::half) half = load_half(B + V * kLanes<T>);
  }
};
template <class T, int M, int V, Rest REST>
LIKELIEST_INLINE void add_product(Sums<T, M, V, REST>& c, int i, T a, const RowOfB<T, V, REST>& b) {
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) c.whole[i][v] += a * b.whole[v];
  if constexpr (REST == Rest::half) c.half[i] += a * b.half;
}

// c += A B over k in [0, K). Rows of A are `lda` apart, or its columns when TRANSPOSED; rows of B are `ldb` apart.
template <class T, int M, int V, Rest REST, bool TRANSPOSED>
LIKELIEST_INLINE void accumulate(Sums<T, M, V, REST>& c, std::ptrdiff_t K, const T* A, std::ptrdiff_t lda, const T* B,
                                 std::ptrdiff_t ldb) {
  if constexpr (TRANSPOSED) {
    for (std::ptrdiff_t k = 0; k < K; ++k, A += lda, B += ldb) {
      const RowOfB<T, V, REST> b(B);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) add_product(c, i, A[i], b);
      if constexpr (REST == Rest::pair) {
        const Vector<T> a = load_first<T, M>(A);
#pragma GCC unroll 2
        for (int j = 0; j < 2; ++j) c.pair[j] += a * B[V * kLanes<T> + j];
      }
    }
  } else {
    // One pointer for every three rows (the others are lda and 2 lda away), so that all stay in integer registers.
    constexpr int groups = (M + 2) / 3, unrolled = 4;
    const T* rows[groups];
#pragma GCC unroll 5
    for (int g = 0; g < groups; ++g) rows[g] = A + 3 * g * lda;
    const auto step = [&](int ahead) __attribute__((always_inline)) {
      const RowOfB<T, V, REST> b(B);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) add_product(c, i, rows[i / 3][ahead + (i % 3) * lda], b);
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
  std::ptrdiff_t K = 0;
  Segments k{};
  const T* A = nullptr;
  std::ptrdiff_t lda = 0;
  const T* B = nullptr;
  std::ptrdiff_t ldb = 0;
  T* C = nullptr;
  std::ptrdiff_t ldc = 0;
  Start start = Start::zero;
  const T* bias = nullptr;
  bool relu = false;
  // A^T only: A and B come in so many pieces, of K rows and so far is one from the next, or as a list says.
  std::ptrdiff_t pieces = 1, a_step = 0, b_step = 0;
  const Piece* list = nullptr;
  bool pair = false;  // A^T only: whether no more than two columns are in the last register

  LIKELIEST_INLINE Piece piece(std::ptrdiff_t i) const { return list ? list[i] : Piece{K, i * a_step, i * b_step}; }
};

template <class T, int M, int V, Rest REST, bool TRANSPOSED>
void tile(const TileArguments<T>& t) noexcept {
  constexpr int lanes = kLanes<T>;
  Sums<T, M, V, REST> c;
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
    const T* from = t.start == Start::bias ? t.bias : t.C + i * t.ldc;
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) c.whole[i][v] = t.start == Start::zero ? Vector<T>{} : load(from + v * lanes);
    if constexpr (REST == Rest::half) c.half[i] = t.start == Start::zero ? Half<T>{} : load_half(from + V * lanes);
  }
  if constexpr (REST == Rest::pair)
    for (int j = 0; j < 2; ++j)
      c.pair[j] = t.start == Start::zero
                      ? Vector<T>{}
                      : load_lanes<T>(t.C + V * lanes + j, t.ldc, std::make_integer_sequence<int, M>());
  if constexpr (TRANSPOSED) {
    for (std::ptrdiff_t i = 0; i < t.pieces; ++i) {
      const Piece piece = t.piece(i);
      accumulate<T, M, V, REST, true>(c, piece.K, t.A + piece.a, t.lda, t.B + piece.b, t.ldb);
    }
  } else {
    for (std::ptrdiff_t s = 0; s < t.k.count; ++s) {
      const Segment k = t.k.data[s];
      if (k.used) accumulate<T, M, V, REST, false>(c, k.end - k.begin, t.A + k.at, t.lda, t.B + k.begin * t.ldb, t.ldb);
    }
  }
  if (!TRANSPOSED && t.relu)
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) c.whole[i][v] = Relu::of(c.whole[i][v]);
      if constexpr (REST == Rest::half) c.half[i] = Relu::of(c.half[i]);
    }
  alignas(kBytes) T pair[2 * lanes];  // lanes taken of sums themselves would keep these in memory
  if constexpr (REST == Rest::pair)
    for (int j = 0; j < 2; ++j) store(pair + j * lanes, c.pair[j]);
  T* to = t.C;
  const std::ptrdiff_t ldc = t.ldc;
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i, to += ldc) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) store(to + v * lanes, c.whole[i][v]);
    if constexpr (REST == Rest::half) store(to + V * lanes, c.half[i]);
    if constexpr (REST == Rest::pair)
      for (int j = 0; j < 2; ++j) to[V * lanes + j] = pair[j * lanes + i];
  }
}

// One or two columns of C, and its rows in the lanes: up to V registers of them.
template <class T, int V = 3>
void pair_of_columns([[maybe_unused]] int m, [[maybe_unused]] const TileArguments<T>& t) noexcept {
#if defined(__AVX2__)
  if constexpr (V > 1)
    if (m <= (V - 1) * kLanes<T>) return pair_of_columns<T, V - 1>(m, t);
  constexpr int lanes = kLanes<T>;
  const Integers<T> last = lanes_before<T>(m - (V - 1) * lanes);
  alignas(kBytes) T columns[2][V * lanes];
  Vector<T> c[2][V] = {};
  if (t.start != Start::zero) {
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < 2; ++j) columns[j][i] = t.C[i * t.ldc + j];
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) c[j][v] = load(columns[j] + v * lanes);
  }
  for (std::ptrdiff_t i = 0; i < t.pieces; ++i) {
    const Piece piece = t.piece(i);
    const T *A = t.A + piece.a, *B = t.B + piece.b;
    for (std::ptrdiff_t k = 0; k < piece.K; ++k, A += t.lda, B += t.ldb)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        const Vector<T> a = v < V - 1 ? load(A + v * lanes) : load_where(last, A + v * lanes);
#pragma GCC unroll 2
        for (int j = 0; j < 2; ++j) c[j][v] += a * B[j];
      }
  }
#pragma GCC unroll 2
  for (int j = 0; j < 2; ++j)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store(columns[j] + v * lanes, c[j][v]);
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < 2; ++j) t.C[i * t.ldc + j] = columns[j][i];
#endif
}

// Where one or two columns of few products are dot products along the rows of A: where a tile would wait for its sums.
template <class T>
inline constexpr bool kDots = kBytes == 32 && sizeof(T) == 4;
// Each number is four chains of multiply-adds: half a register of A's row, twice, meets four numbers of one column of B
// in the lower half and of the other in the upper one.
template <class T>
void dot_products([[maybe_unused]] std::ptrdiff_t rows, [[maybe_unused]] const TileArguments<T>& t) noexcept {
#if defined(__AVX2__)
  if constexpr (kDots<T>) {
    constexpr std::ptrdiff_t lanes = kLanes<T>, half = lanes / 2;
    const Segment segment = t.k.data[0];
    const std::ptrdiff_t K = segment.end - segment.begin, whole = K / half, rest = K % half;
    const Integers<T> last = lanes_before<T>(rest);
    alignas(kBytes) T B[2 * kFewColumns] = {};
    for (std::ptrdiff_t k = 0; k < K; ++k)
      for (std::ptrdiff_t j = 0; j < 2; ++j)
        B[k / half * lanes + j * half + k % half] = t.B[(segment.begin + k) * t.ldb + j];
    const auto twice = [](__m128 v) __attribute__((always_inline)) { return Vector<T>(_mm256_set_m128(v, v)); };
    const auto of_rows = [&](std::ptrdiff_t row, std::ptrdiff_t lda,
                             std::ptrdiff_t count) __attribute__((always_inline)) {
      const T* A = t.A + row * t.lda + segment.at;
      Vector<T> sums[lanes] = {};
      for (std::ptrdiff_t b = 0; b < whole; ++b, A += half) {
        const Vector<T> w = load(B + b * lanes);
#pragma GCC unroll 8
        for (std::ptrdiff_t i = 0; i < lanes; ++i) sums[i] += twice(_mm_loadu_ps(A + i * lda)) * w;
      }
      if (rest > 0) {
        const Vector<T> w = load(B + whole * lanes);
#pragma GCC unroll 8
        for (std::ptrdiff_t i = 0; i < lanes; ++i)
          sums[i] += twice(_mm_maskload_ps(A + i * lda, _mm256_castsi256_si128(__m256i(last)))) * w;
      }
      // With the rows in the lanes, the first column of C and the second; then these two side by side.
      Vector<T> c[2][half];
#pragma GCC unroll 4
      for (std::ptrdiff_t i = 0; i < half; ++i) {
        exchange<T, half>(sums[i], sums[i + half], std::make_integer_sequence<int, lanes>());
        c[0][i] = sums[i], c[1][i] = sums[i + half];
      }
      Vector<T> even = sums_of_lanes<T, half / 2>(c[0]) + t.bias[0], odd = sums_of_lanes<T, half / 2>(c[1]) + t.bias[1];
      if (t.relu) even = Relu::of(even), odd = Relu::of(odd);
      exchange<T, 1>(even, odd, std::make_integer_sequence<int, lanes>());
      alignas(kBytes) T pairs[2][lanes];
      store(pairs[0], even), store(pairs[1], odd);
      T* to = t.C + row * t.ldc;
      for (std::ptrdiff_t i = 0; i < count; ++i, to += t.ldc) {
        const __m128d pair = _mm_load_sd(reinterpret_cast<const double*>(pairs[i % 2] + i / 2 * 2));
        store(to, Vector<T>(_mm256_zextps128_ps256(_mm_castpd_ps(pair))));
      }
    };
    std::ptrdiff_t row = 0;
    for (; row + lanes <= rows; row += lanes) of_rows(row, t.lda, lanes);
    for (; row < rows; ++row) of_rows(row, 0, 1);  // in all lanes
  }
#endif
}

// How wide the numbers of a panel are, in half registers: 2 or 4; 1 or 3 where half a register is enough for the last
// of them, and worth it.
template <class T>
LIKELIEST_INLINE int halves_of_panel(std::ptrdiff_t columns, std::ptrdiff_t panel) {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const std::ptrdiff_t rest = columns - panel * 2 * lanes, count = rest < 2 * lanes ? rest : 2 * lanes;
  const int registers = int((count + lanes - 1) / lanes);
  return 2 * registers - (kHalves && count - (registers - 1) * lanes <= lanes / 2);
}

// The tile for m rows and so many half registers, 1 <= m <= kTileRows.
template <class T, bool TRANSPOSED, int M = kTileRows>
LIKELIEST_INLINE void run_tile(int m, int halves, const TileArguments<T>& t) {
  if (m == M) {
    if constexpr (TRANSPOSED && kPairs && M > 2 && M <= kLanes<T>)
      if (t.pair) return tile<T, M, 1, Rest::pair, true>(t);
    if constexpr (kHalves) {
      if (halves == 1) return tile<T, M, 0, Rest::half, TRANSPOSED>(t);
      if (halves == 3) return tile<T, M, 1, Rest::half, TRANSPOSED>(t);
    }
    (halves == 2 ? tile<T, M, 1, Rest::none, TRANSPOSED> : tile<T, M, 2, Rest::none, TRANSPOSED>)(t);
  } else if constexpr (M > 1) {
    run_tile<T, TRANSPOSED, M - 1>(m, halves, t);
  }
}

// Rows cut into tiles of nearly equal height, `most` of them at most. The first ones have a row more.
struct Tiles {
  std::ptrdiff_t count, height, higher;
  explicit Tiles(std::ptrdiff_t rows, std::ptrdiff_t most = kTileRows)
      : count((rows + most - 1) / most), height(count ? rows / count : 0), higher(rows - count * height) {}
  std::ptrdiff_t begin(std::ptrdiff_t i) const { return i * height + (i < higher ? i : higher); }
};

template <class T>
LIKELIEST_INLINE int registers_of_panel(std::ptrdiff_t columns, std::ptrdiff_t panel) {
  return columns - panel * 2 * kLanes<T> <= kLanes<T> ? 1 : 2;
}

template <class T>
void multiply(const Multiply<T>& g) noexcept {
  constexpr std::ptrdiff_t width = 2 * kLanes<T>;
  const Tiles tiles(g.rows);
  TileArguments<T> t{.k = g.k, .lda = g.lda, .ldc = g.ldc, .start = g.start, .relu = g.relu};
  const bool dots = kDots<T> && g.height <= kFewColumns && g.k.count == 1 && g.start == Start::bias;
  for (std::ptrdiff_t p = g.panel_begin; p < g.panel_end; ++p) {
    const int halves = halves_of_panel<T>(g.columns, p);
    t.B = g.B + p * g.height * width, t.ldb = registers_of_panel<T>(g.columns, p) * kLanes<T>;
    t.bias = g.bias ? g.bias + p * width : nullptr;
    if (dots && g.columns - p * width <= 2) {
      t.A = g.A, t.C = g.C + p * width;
      dot_products(g.rows, t);
      continue;
    }
    for (std::ptrdiff_t i = 0; i < tiles.count; ++i) {
      const std::ptrdiff_t r = tiles.begin(i);
      t.A = g.A + r * g.lda, t.C = g.C + r * g.ldc + p * width;
      run_tile<T, false>(int(tiles.begin(i + 1) - r), halves, t);
    }
  }
}

// Each tile of C is handed to the optimizer while it is in cache.
template <class T>
void multiply_transposed(const MultiplyTransposed<T>& g) noexcept {
  constexpr std::ptrdiff_t width = 2 * kLanes<T>;
  const std::ptrdiff_t panels = (g.columns + width - 1) / width;
  const bool pair_alone = kPairs && g.columns - (panels - 1) * width <= 2;  // in the last panel
  constexpr std::ptrdiff_t most_of_pair = 3 * kLanes<T>;
  const std::ptrdiff_t most_of_last = pair_alone ? most_of_pair : kTileRows;
  std::ptrdiff_t tiles = 0, tiles_of_last = 0;
  for (std::ptrdiff_t s = 0; s < g.rows.count; ++s) {
    const std::ptrdiff_t rows = g.rows.data[s].end - g.rows.data[s].begin;
    tiles += Tiles(rows).count, tiles_of_last += Tiles(rows, most_of_last).count;
  }
  // The share of this call, in tiles of all panels, panel after panel.
  const std::ptrdiff_t all = (panels - 1) * tiles + tiles_of_last;
  std::ptrdiff_t skip = all * g.part / g.parts, left = all * (g.part + 1) / g.parts - skip;
  const std::ptrdiff_t rows_a_tile = g.ahead && left > 0 ? g.ahead->count / left + 1 : 0;
  alignas(64) T scratch[kTileRows * width > most_of_pair * kLanes<T> ? kTileRows * width : most_of_pair * kLanes<T>];
  TileArguments<T> t{.K = g.K, .lda = g.lda, .ldb = g.ldb, .start = g.start, .list = g.pieces};
  if (g.pieces) t.pieces = g.piece_count;
  for (std::ptrdiff_t p = tiles ? skip / tiles : panels; p < panels && left > 0; ++p) {
    const int halves = halves_of_panel<T>(g.columns, p);
    const std::ptrdiff_t stride = registers_of_panel<T>(g.columns, p) * kLanes<T>;
    const std::ptrdiff_t last = g.columns - p * width - stride + kLanes<T>;  // columns in the last register, or more
    const bool alone = pair_alone && p == panels - 1;
    const std::ptrdiff_t most = alone ? most_of_pair : kTileRows;
    t.B = g.B + p * width, t.ldc = stride, t.pair = kPairs && last <= 2;
    const std::ptrdiff_t beside = g.packed ? g.columns - p * width : stride;  // where what is no column begins
    if (g.update && (halves % 2 || t.pair))                                   // what tiles do not write is 0
      for (std::ptrdiff_t k = 0; k < most * stride; k += kLanes<T>) store(scratch + k, Vector<T>{});
    skip = skip >= tiles ? skip % tiles : skip;
    for (std::ptrdiff_t s = 0; s < g.rows.count && left > 0; ++s) {
      const Segment segment = g.rows.data[s];
      const Tiles cut(segment.end - segment.begin, most);
      if (skip >= cut.count) {
        skip -= cut.count;
        continue;
      }
      for (std::ptrdiff_t i = skip; i < cut.count && left > 0; ++i, --left) {
        const std::ptrdiff_t r = segment.begin + cut.begin(i), m = segment.begin + cut.begin(i + 1) - r;
        const std::ptrdiff_t offset = p * g.height * width + r * stride;
        T* C = g.C ? g.C + offset : scratch;
        if (g.ahead) g.ahead->fetch(rows_a_tile);
        if (segment.used) {
          t.A = g.A + r, t.C = C;
          alone ? pair_of_columns<T>(int(m), t) : run_tile<T, true>(int(m), halves, t);
          for (std::ptrdiff_t j = beside; j < stride; ++j)
            for (std::ptrdiff_t k = 0; k < m; ++k) C[k * stride + j] = T(0);
        } else if (g.update ? g.update->moves_without_gradient : g.start == Start::zero) {
          for (std::ptrdiff_t k = 0; k < m * stride; k += kLanes<T>) store(C + k, Vector<T>{});
        } else {
          continue;
        }
        if (g.update) g.update->apply(offset, C, m * stride);
      }
      skip = 0;
    }
  }
}

}  // namespace likeliest::LIKELIEST_ISA
