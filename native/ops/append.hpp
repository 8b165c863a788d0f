// h = (x, c): the columns of x, then numbers that are the same for every row. The way back is a cut.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/vector.hpp"

namespace likeliest::LIKELIEST_ISA {

// h[i, j] = x[i, j] for j < width, else rest[j].
template <class T>
void append(Block<const T> x, std::ptrdiff_t width, const T* rest, Block<T> h) noexcept {
  for (std::ptrdiff_t j = 0; j < h.columns; j += kLanes<T>) {
    const Vector<T> others = load(rest + j);
    Integers<T> own{};
    for (std::ptrdiff_t lane = 0; lane < kLanes<T>; ++lane) own[lane] = j + lane < width ? -1 : 0;
    for (std::ptrdiff_t i = 0; i < h.rows; ++i)
      store(h.data + i * h.stride + j, j < width ? (own ? load(x.data + i * x.stride + j) : others) : others);
  }
}

}  // namespace likeliest::LIKELIEST_ISA
