// What the pages of likelihoods share: examples in the lanes of registers, so that every page is a formula.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

// A register of the numbers from[0], from[stride], ... of `count` rows; further lanes repeat the last row.
template <class T>
LIKELIEST_INLINE Vector<T> gather_rows(const T* from, std::ptrdiff_t stride, std::ptrdiff_t count) {
  if (count == kLanes<T>) return load_lanes(from, stride);
  alignas(kBytes) T lanes[kLanes<T>];
  for (std::ptrdiff_t i = 0; i < kLanes<T>; ++i) lanes[i] = from[(i < count ? i : count - 1) * stride];
  return load(lanes);
}

// The lanes of a register to to[0], to[stride], ..., `count` of them.
template <class T>
LIKELIEST_INLINE void scatter_rows(Vector<T> v, T* to, std::ptrdiff_t stride, std::ptrdiff_t count) {
  alignas(kBytes) T lanes[kLanes<T>];
  store(lanes, v);
  for (std::ptrdiff_t i = 0; i < count; ++i) to[i * stride] = lanes[i];
}

// Columns are turned half a register of them at a time: a register has half a row and, beside it, that of a row half a
// register further down. What is less than a quarter of that goes one by one.
template <class T>
inline constexpr std::ptrdiff_t kHalf = kLanes<T> / 2;
template <class T>
inline constexpr std::ptrdiff_t kOneByOne = kHalf<T> > 1 ? kHalf<T> / 4 : 1;

// Hands the columns [0, width) of `count` rows to take(column), each in a register.
template <class T, class Count, class Width, class F>
LIKELIEST_INLINE void turn(const T* from, std::ptrdiff_t stride, Count count, Width width, F&& take) {
  constexpr std::ptrdiff_t half = kHalf<T>;
  for (std::ptrdiff_t j = 0; j < width; j += half) {
    const std::ptrdiff_t here = width - j < half ? width - j : half;
    if (here <= kOneByOne<T>) {
      for (std::ptrdiff_t i = 0; i < here; ++i) take(gather_rows(from + j + i, stride, count));
    } else if constexpr (half > 1) {
      const auto row = [&](std::ptrdiff_t i)
                           __attribute__((always_inline)) { return from + (i < count ? i : count - 1) * stride + j; };
      Vector<T> square[half];
#pragma GCC unroll 8
      for (std::ptrdiff_t i = 0; i < half; ++i) square[i] = load_halves(row(i), row(half + i));
      transpose_level<T, 1, half / 2, half>(square);
#pragma GCC unroll 8
      for (std::ptrdiff_t i = 0; i < half; ++i)  // each from its register
        if (j + i < width) take(square[i]);
    }
  }
}

// The reverse: take() gives the columns [0, width) of `count` rows, one after the other; those up to `columns` are 0.
template <class T, class Count, class Width, class F>
LIKELIEST_INLINE void turn_back(T* to, std::ptrdiff_t stride, Count count, Width width, std::ptrdiff_t columns,
                                F&& take) {
  constexpr std::ptrdiff_t half = kHalf<T>;
  for (std::ptrdiff_t j = 0; j < columns; j += half) {
    const std::ptrdiff_t here = width - j < half ? width - j : half;
    if (here <= 0) {
      for (std::ptrdiff_t i = 0; i < count; ++i) store(to + i * stride + j, Half<T>{});
    } else if (here <= kOneByOne<T>) {
      const Lanes<T> first(take());
      for (std::ptrdiff_t i = 0; i < count; ++i) store(to + i * stride + j, Half<T>{first[i]});
      for (std::ptrdiff_t k = 1; k < here; ++k) scatter_rows(take(), to + j + k, stride, count);
    } else if constexpr (half > 1) {
      Vector<T> square[half];
#pragma GCC unroll 8
      for (std::ptrdiff_t i = 0; i < half; ++i) square[i] = j + i < width ? take() : Vector<T>{};
      transpose_level<T, 1, half / 2, half>(square);
#pragma GCC unroll 8
      for (std::ptrdiff_t i = 0; i < half; ++i) {
        if (i < count) store(to + i * stride + j, lower_half<T>(square[i]));
        if (half + i < count) store(to + (half + i) * stride + j, upper_half<T>(square[i]));
      }
    }
  }
}

// The columns of eta in turn, and where each has its place in scratch: there the components of a target stand together.
struct Places {
  std::ptrdiff_t groups, components, group = 0, component = 0, place = 0;
  LIKELIEST_INLINE std::ptrdiff_t next() {
    if (groups == 1) return place++;
    const std::ptrdiff_t here = place;
    place += components;
    if (++group == groups) group = 0, place = ++component;
    return here;
  }
};

// Numbers one after the other, as above.
template <class T>
LIKELIEST_INLINE Vector<T> load_rows(const T* from, std::ptrdiff_t count) {
  return count == kLanes<T> ? load(from) : gather_rows(from, 1, count);
}

// What a page computes of the likelihood's constants alone, once for all rows: its Constants<T>, where it has them.
template <class T, class L>
LIKELIEST_INLINE auto prepare(const T* constants) {
  if constexpr (requires { typename L::template Constants<T>; })
    return typename L::template Constants<T>(constants);
  else
    return constants;
}

// L has evaluate<T>(eta, components, y, constants, score): from registers of eta's components and of the numbers of y
// to a register of log P, writing d log P / d eta of each component to `score`. It may write the score of components
// that eta lacks because they are fixed: the next target's are written after it. Where operations wait for each other,
// L may have evaluate_at_once, which does so for kAtOnce registers of rows with kWidthAtOnce components each, one
// target's: they stand in variables rather than in scratch, those of each register STEP further.
template <class T, class L>
void score_rows(const Scoring<T>& s) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  const std::ptrdiff_t components = s.width / s.groups, numbers = s.targets / s.groups, stride = s.eta.stride;
  const std::ptrdiff_t rows = s.eta.rows;
  const auto constants = prepare<T, L>(s.constants);
  Vector<T>* const scratch = reinterpret_cast<Vector<T>*>(s.scratch);  // eta, y and the score of a register of rows
  const bool few = s.width <= lanes / 4;  // columns: they are taken one by one, for squares would be empty
  const auto read = [&](auto row, auto count, auto width, auto groups, Vector<T>* eta) __attribute__((always_inline)) {
    Places from{groups, components};
    const T* z = s.eta.data + row * stride;
    if (few)
      for (std::ptrdiff_t j = 0; j < width; ++j) eta[from.next()] = gather_rows(z + j, stride, count);
    else
      turn(z, stride, count, width, [&](Vector<T> column) { eta[from.next()] = column; });
    Vector<T>* next = eta + width;
    if (s.targets == 1)
      *next = load_rows(s.y + row, count);
    else
      turn(s.y + row * s.targets, s.targets, count, s.targets, [&](Vector<T> z) { *next++ = z; });
  };
  const auto write = [&](std::ptrdiff_t row, auto count, auto width, auto groups, const Vector<T>* slope,
                         Vector<T> total) __attribute__((always_inline)) {
    Places to{groups, components};
    const Vector<T> weight = load_rows(s.weight + row, count), factor = weight * s.scale;
    total *= weight;
    if (count == lanes)
      store(s.log_prob + row, total);
    else
      scatter_rows(total, s.log_prob + row, 1, count);
    if (!s.score) return;
    T* score = s.score + row * stride;
    if (width == 1 && count == lanes) {
      store_lanes<T>(*slope * factor, score, stride);
    } else if (few) {
      for (std::ptrdiff_t i = 0; i < count; ++i) store(score + i * stride, Vector<T>{});
      for (std::ptrdiff_t j = 0; j < width; ++j) scatter_rows(slope[to.next()] * factor, score + j, stride, count);
    } else {
      turn_back(score, stride, count, width, s.eta.columns, [&] { return slope[to.next()] * factor; });
    }
  };
  std::ptrdiff_t row = 0;
  if constexpr (requires { L::kAtOnce; })
    if (s.width == L::kWidthAtOnce && s.groups == 1 && s.targets == 1) {
      constexpr std::ptrdiff_t step = 2 * L::kWidthAtOnce + 1, U = L::kAtOnce;
      constexpr std::integral_constant<std::ptrdiff_t, lanes> count;
      constexpr std::integral_constant<std::ptrdiff_t, L::kWidthAtOnce> width;
      constexpr std::integral_constant<std::ptrdiff_t, 1> groups;
      for (; row + U * lanes <= rows; row += U * lanes) {
        Vector<T> own[U * step], total[U];
#pragma GCC unroll 2
        for (std::ptrdiff_t u = 0; u < U; ++u) read(row + u * lanes, count, width, groups, own + u * step);
        L::template evaluate_at_once<T, step>(own, own + width, constants, own + width + 1, total);
#pragma GCC unroll 2
        for (std::ptrdiff_t u = 0; u < U; ++u)
          write(row + u * lanes, count, width, groups, own + u * step + width + 1, total[u]);
      }
    }
  Vector<T>*const y = scratch + s.width, *const slope = y + s.targets;
  for (; row < rows; row += lanes) {
    const std::ptrdiff_t count = rows - row < lanes ? rows - row : lanes;
    read(row, count, s.width, s.groups, scratch);
    Vector<T> total{};
    for (std::ptrdiff_t g = 0; g < s.groups; ++g)
      total += L::template evaluate<T>(scratch + g * components, components, y + g * numbers, constants,
                                       slope + g * components);
    write(row, count, s.width, s.groups, slope, total);
  }
}

// A page of a likelihood without classes, which is most of them: `evaluate` is all it has.
template <class T, class L>
constexpr LikelihoodKernel<T> rowwise{L::name, score_rows<T, L>, nullptr};

}  // namespace likeliest::LIKELIEST_ISA
