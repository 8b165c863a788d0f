// z = x W + b, and its chain rule: the products are in kernels/gemm.hpp, the rest of it is here.
#pragma once
#include "kernels/gemm.hpp"

namespace likeliest::LIKELIEST_ISA {

// Panels [begin, end) of W^T: a square of lanes x lanes at a time, transposed in registers.
template <class T>
void transpose_weight(const T* W, std::ptrdiff_t height, std::ptrdiff_t columns, std::ptrdiff_t begin,
                      std::ptrdiff_t end, T* out) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>, width = 2 * lanes;
  for (std::ptrdiff_t p = begin; p < end; ++p) {
    const int v_out = registers_of_panel<T>(height, p);
    T* panel = out + p * columns * width;
    for (int v = 0; v < v_out; ++v) {
      const std::ptrdiff_t i0 = p * width + v * lanes;  // rows of W, columns of the panel
      for (std::ptrdiff_t k0 = 0; k0 < columns; k0 += lanes) {
        const std::ptrdiff_t source = k0 / width, stride = registers_of_panel<T>(columns, source) * lanes;
        Vector<T> square[lanes];
        for (std::ptrdiff_t i = 0; i < lanes; ++i)
          square[i] =
              i0 + i < height ? load(W + source * height * width + (i0 + i) * stride + k0 % width) : Vector<T>{};
        transpose<T>(square);
        for (std::ptrdiff_t k = 0; k < lanes && k0 + k < columns; ++k)
          store(panel + (k0 + k) * v_out * lanes + v * lanes, square[k]);
      }
    }
  }
}

template <class T>
void mark_used(Block<const T> block, T* marks) noexcept {
  for (std::ptrdiff_t j = 0; j < block.columns; j += kLanes<T>) {
    Vector<T> mark = load(marks + j);
    for (std::ptrdiff_t i = 0; i < block.rows; ++i)
      mark = load(block.data + i * block.stride + j) != T(0) ? broadcast(T(1)) : mark;
    store(marks + j, mark);
  }
}

// The gradient of b: sums of columns, each from the first row down.
template <class T, int V>
LIKELIEST_INLINE void sum_rows_of(const T* data, std::ptrdiff_t rows, std::ptrdiff_t stride, T* sums, bool accumulate) {
  Vector<T> total[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) total[v] = accumulate ? load(sums + v * kLanes<T>) : Vector<T>{};
  for (std::ptrdiff_t i = 0; i < rows; ++i, data += stride)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) total[v] += load(data + v * kLanes<T>);
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) store(sums + v * kLanes<T>, total[v]);
}
template <class T>
void sum_rows(Block<const T> block, T* sums, bool accumulate) noexcept {
  constexpr std::ptrdiff_t lanes = kLanes<T>;
  std::ptrdiff_t j = 0;
  for (; j + 4 * lanes <= block.columns; j += 4 * lanes)  // four sums at a time, since one waits for itself
    sum_rows_of<T, 4>(block.data + j, block.rows, block.stride, sums + j, accumulate);
  for (; j + 2 * lanes <= block.columns; j += 2 * lanes)
    sum_rows_of<T, 2>(block.data + j, block.rows, block.stride, sums + j, accumulate);
  for (; j < block.columns; j += lanes)
    sum_rows_of<T, 1>(block.data + j, block.rows, block.stride, sums + j, accumulate);
}

template <class T>
void sum_shards(const T* shards, std::ptrdiff_t step, std::ptrdiff_t count, const T* bias, Block<T> h) noexcept {
  for (std::ptrdiff_t i = 0; i < h.rows; ++i)
    for (std::ptrdiff_t j = 0; j < h.columns; j += kLanes<T>) {
      Vector<T> total = bias ? load(bias + j) : Vector<T>{};
      for (std::ptrdiff_t s = 0; s < count; ++s) total += load(shards + s * step + i * h.stride + j);
      store(h.data + i * h.stride + j, total);
    }
}

}  // namespace likeliest::LIKELIEST_ISA
