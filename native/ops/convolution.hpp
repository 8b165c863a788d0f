// h = x * W + b, a convolution, and its chain rule: the tiles of kernels/gemm.hpp, slid over the example.
//
// Windows side by side are rows of a matrix that overlap in memory, so nothing is copied: a tile takes up to kTileRows
// windows of a row of them, and runs over what they cover as a product runs over k. What goes back to x is added into
// the places of one tap after the other. Every sum has one order, given by the shapes.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/gemm.hpp"

namespace likeliest::LIKELIEST_ISA {

// A tile of C of which only the first `columns` may be written: channels have no padding between two places.
template <class T>
LIKELIEST_INLINE void run_tile_of(int m, int halves, std::ptrdiff_t columns, const TileArguments<T>& t) {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  if (columns * 2 == halves * lanes) return run_tile<T, false>(m, halves, t);
  const std::ptrdiff_t stride = (halves + 1) / 2 * lanes;
  alignas(64) T scratch[kTileRows * 2 * lanes] = {};
  if (t.start == Start::accumulate)
    for (int i = 0; i < m; ++i)
      for (std::ptrdiff_t j = 0; j < columns; ++j) scratch[i * stride + j] = t.C[i * t.ldc + j];
  TileArguments<T> own = t;
  own.C = scratch, own.ldc = stride;
  run_tile<T, false>(m, halves, own);
  for (int i = 0; i < m; ++i)
    for (std::ptrdiff_t j = 0; j < columns; ++j) t.C[i * t.ldc + j] = scratch[i * stride + j];
}

template <class T>
void convolve(const Convolution<T>& g) noexcept {
  constexpr std::ptrdiff_t width = 2 * kLanes<T>;
  const Window& w = *g.window;
  const std::ptrdiff_t c = w.c / w.groups, q = w.q / w.groups, height = w.taps() * c, step = w.stride[2] * w.c;
  const Tiles tiles(w.used[2]);
  for (std::ptrdiff_t group = 0; group < w.groups; ++group)
    for (std::ptrdiff_t p = 0; p * width < q; ++p) {
      const int v = registers_of_panel<T>(q, p), halves = halves_of_panel<T>(q, p);
      const std::ptrdiff_t columns = q - p * width < width ? q - p * width : width, channel = group * q + p * width;
      const T* B = g.W + group * g.group_step + p * height * width;
      for (std::ptrdiff_t a = 0; a < w.used[0]; ++a)
        for (std::ptrdiff_t b = 0; b < w.used[1]; ++b) {
          const T* x = g.x + (a * w.stride[0] * w.padded(1) + b * w.stride[1]) * w.padded(2) * w.c + group * c;
          T* h = g.out + (a * w.out[1] + b) * w.out[2] * w.q + channel;
          for (std::ptrdiff_t i = 0; i < tiles.count; ++i) {
            const std::ptrdiff_t r = tiles.begin(i);
            run_tile_of<T>(int(tiles.begin(i + 1) - r), halves, columns,
                           {0, g.runs, x + r * step, step, B, v * kLanes<T>, h + r * w.q, w.q,
                            g.bias ? Start::bias : Start::zero, g.bias ? g.bias + channel : nullptr, g.relu});
          }
        }
    }
}

template <class T>
void convolve_back(const Convolution<T>& g) noexcept {
  constexpr std::ptrdiff_t width = 2 * kLanes<T>;
  const Window& w = *g.window;
  const std::ptrdiff_t c = w.c / w.groups, q = w.q / w.groups, height = w.taps() * q, step = w.stride[2] * w.c;
  const Segment all{0, std::int32_t(q), true, 0};
  const Tiles tiles(w.used[2]);
  for (std::ptrdiff_t group = 0; group < w.groups; ++group)
    for (std::ptrdiff_t p = 0; p * width < c; ++p) {
      const int v = registers_of_panel<T>(c, p), halves = halves_of_panel<T>(c, p);
      const std::ptrdiff_t columns = c - p * width < width ? c - p * width : width;
      const T* W = g.W + group * g.group_step + p * height * width;
      for (std::ptrdiff_t a = 0; a < w.used[0]; ++a)
        for (std::ptrdiff_t b = 0; b < w.used[1]; ++b) {
          const T* h = g.h + (a * w.out[1] + b) * w.out[2] * w.q + group * q;
          T* x = g.out + (a * w.stride[0] * w.padded(1) + b * w.stride[1]) * w.padded(2) * w.c + group * c + p * width;
          const T* B = W;
          for (std::ptrdiff_t ka = 0; ka < w.size[0]; ++ka)
            for (std::ptrdiff_t kb = 0; kb < w.size[1]; ++kb)
              for (std::ptrdiff_t kd = 0; kd < w.size[2]; ++kd, B += q * v * kLanes<T>) {
                T* to = x + w.place(ka, kb, kd) * w.c;
                for (std::ptrdiff_t i = 0; i < tiles.count; ++i) {
                  const std::ptrdiff_t r = tiles.begin(i);
                  run_tile_of<T>(int(tiles.begin(i + 1) - r), halves, columns,
                                 {0,
                                  {&all, 1},
                                  h + r * w.q,
                                  w.q,
                                  B,
                                  v * kLanes<T>,
                                  to + r * step,
                                  step,
                                  Start::accumulate,
                                  nullptr});
                }
              }
        }
    }
}

template <class T>
void convolve_gradient(const Convolution<T>& g) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>, width = 2 * lanes;
  const Window& w = *g.window;
  const std::ptrdiff_t c = w.c / w.groups, q = w.q / w.groups, height = w.taps() * c;
  const std::ptrdiff_t row = w.padded(2) * w.c;
  for (std::ptrdiff_t group = 0; group < w.groups; ++group)
    for (std::ptrdiff_t p = 0; p * width < q; ++p) {
      const int v = registers_of_panel<T>(q, p), halves = halves_of_panel<T>(q, p);
      const std::ptrdiff_t columns = q - p * width < width ? q - p * width : width, stride = v * lanes;
      T* C = g.out + group * g.group_step + p * height * width;
      for (std::ptrdiff_t s = 0; s < g.runs.count; ++s) {
        const Segment run = g.runs.data[s];
        const Tiles cut(run.end - run.begin);
        for (std::ptrdiff_t i = 0; i < cut.count; ++i) {
          const std::ptrdiff_t r = cut.begin(i), m = cut.begin(i + 1) - r;
          T* to = C + (run.begin + r) * stride;
          for (std::ptrdiff_t a = 0; a < w.used[0]; ++a)
            run_tile<T, true>(int(m), halves,
                              {w.used[2],
                               {},
                               g.x + run.at + r + group * c + a * w.stride[0] * w.padded(1) * row,
                               w.stride[2] * w.c,
                               g.h + a * w.out[1] * w.out[2] * w.q + group * q + p * width,
                               w.q,
                               to,
                               stride,
                               Start::accumulate,
                               nullptr,
                               false,
                               w.used[1],
                               w.stride[1] * row,
                               w.out[2] * w.q});
          for (std::ptrdiff_t j = columns; j < halves * lanes / 2; ++j)  // what stands beside this group's channels
            for (std::ptrdiff_t k = 0; k < m; ++k) to[k * stride + j] = T(0);
        }
      }
    }
}

}  // namespace likeliest::LIKELIEST_ISA
