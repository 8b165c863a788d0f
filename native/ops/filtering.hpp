// The linear maps of minimal filtering, place by place and register by register of channels; see engine/filtering.hpp.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/vector.hpp"
#include "ops/relu.hpp"

namespace likeliest::LIKELIEST_ISA {

// f(place, how many of them are there, points) for each tile and register of channels: pointers to the first of each.
template <class T, class F>
LIKELIEST_INLINE void each_tile(const Filter<T>& g, F&& f) {
  for (std::ptrdiff_t plane = 0; plane < g.planes; ++plane)
    for (std::ptrdiff_t row = 0; row < g.rows; ++row) {
      T* const places = g.places + plane * g.plane_step + row * g.row_step;
      T* const points = g.points + (plane * g.rows + row) * g.tiles * g.channels;
      for (std::ptrdiff_t tile = 0; tile < g.tiles; ++tile) {
        const std::ptrdiff_t first = tile * g.outputs;
        for (std::ptrdiff_t j = 0; j < g.channels; j += kLanes<T>)
          f(places + first * g.channels + j, g.width - first, points + tile * g.channels + j, j);
      }
    }
}

// The places that are there; beyond them it is 0.
template <class T, int N>
struct PlacesOf {
  Vector<T> at[N];
  LIKELIEST_INLINE PlacesOf(const T* from, std::ptrdiff_t step, std::ptrdiff_t there) {
#pragma GCC unroll 6
    for (int i = 0; i < N; ++i) at[i] = i < there ? load(from + i * step) : Vector<T>{};
  }
};

template <class T>
void filter_input(const Filter<T>& g) noexcept {
  each_tile(g, [&](const T* from, std::ptrdiff_t there, T* to, std::ptrdiff_t) __attribute__((always_inline)) {
    const PlacesOf<T, 6> d(from, g.channels, there);
    const Vector<T> even = d.at[4] - T(4) * d.at[2], odd = d.at[3] - T(4) * d.at[1];
    const Vector<T> wide = d.at[4] - d.at[2], skew = T(2) * (d.at[3] - d.at[1]);
    store(to, T(4) * (d.at[0] - d.at[2]) + wide);
    store(to + g.point_step, even + odd);
    store(to + 2 * g.point_step, even - odd);
    store(to + 3 * g.point_step, wide + skew);
    store(to + 4 * g.point_step, wide - skew);
    store(to + 5 * g.point_step, T(4) * (d.at[1] - d.at[3]) + (d.at[5] - d.at[3]));
  });
}

template <class T, int M>
LIKELIEST_INLINE void filter_output_of(const Filter<T>& g) {
  each_tile(g, [&](T* to, std::ptrdiff_t there, const T* from, std::ptrdiff_t j) __attribute__((always_inline)) {
    const PlacesOf<T, 6> p(from, g.point_step, 6);
    const Vector<T> sum1 = p.at[1] + p.at[2], difference1 = p.at[1] - p.at[2];
    const Vector<T> sum2 = p.at[3] + p.at[4], difference2 = p.at[3] - p.at[4];
    Vector<T> y[M];
    y[0] = p.at[0] + sum1 + sum2;
    y[1] = difference1 + T(2) * difference2;
    if constexpr (M == 4) y[2] = sum1 + T(4) * sum2, y[3] = difference1 + T(8) * difference2;
    y[M - 1] += p.at[5];
    const Vector<T> bias = g.bias ? load(g.bias + j) : Vector<T>{};
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i)
      if (i < there) store(to + i * g.channels, g.relu ? Relu::of(y[i] + bias) : y[i] + bias);
  });
}
template <class T>
void filter_output(const Filter<T>& g) noexcept {
  g.outputs == 4 ? filter_output_of<T, 4>(g) : filter_output_of<T, 2>(g);
}

template <class T, int M>
LIKELIEST_INLINE void filter_output_back_of(const Filter<T>& g) {
  each_tile(g, [&](const T* from, std::ptrdiff_t there, T* to, std::ptrdiff_t) __attribute__((always_inline)) {
    const PlacesOf<T, M> y(from, g.channels, there);
    Vector<T> even = y.at[0], odd = y.at[1], wide = y.at[0], skew = T(2) * y.at[1];
    if constexpr (M == 4) even += y.at[2], odd += y.at[3], wide += T(4) * y.at[2], skew += T(8) * y.at[3];
    store(to, y.at[0]);
    store(to + g.point_step, even + odd);
    store(to + 2 * g.point_step, even - odd);
    store(to + 3 * g.point_step, wide + skew);
    store(to + 4 * g.point_step, wide - skew);
    store(to + 5 * g.point_step, y.at[M - 1]);
  });
}
template <class T>
void filter_output_back(const Filter<T>& g) noexcept {
  g.outputs == 4 ? filter_output_back_of<T, 4>(g) : filter_output_back_of<T, 2>(g);
}

// Adds to the places: tiles overlap.
template <class T>
void filter_input_back(const Filter<T>& g) noexcept {
  each_tile(g, [&](T* to, std::ptrdiff_t there, const T* from, std::ptrdiff_t) __attribute__((always_inline)) {
    const PlacesOf<T, 6> p(from, g.point_step, 6);
    const Vector<T> sum1 = p.at[1] + p.at[2], difference1 = p.at[1] - p.at[2];
    const Vector<T> sum2 = p.at[3] + p.at[4], difference2 = T(2) * (p.at[3] - p.at[4]);
    const Vector<T> d[6] = {T(4) * p.at[0],
                            T(4) * (p.at[5] - difference1) - difference2,
                            T(-4) * sum1 - sum2 - T(5) * p.at[0],
                            difference1 + difference2 - T(5) * p.at[5],
                            p.at[0] + sum1 + sum2,
                            p.at[5]};
#pragma GCC unroll 6
    for (int i = 0; i < 6; ++i)
      if (i < there) store(to + i * g.channels, load(to + i * g.channels) + d[i]);
  });
}

}  // namespace likeliest::LIKELIEST_ISA
