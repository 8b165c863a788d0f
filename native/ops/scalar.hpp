// What the pages of scalar activations share: a function of one register, applied to a block.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/mathematics.hpp"
#include "kernels/narrow.hpp"

namespace likeliest::LIKELIEST_ISA {

// F has `name`, `keeps_input`, value(z, constants) and derivative(saved, constants), or chain(g, saved) where the
// product of g and the derivative has a shorter way.
template <class T, class F>
struct Scalar {
  static void forward(const T* z, std::ptrdiff_t stride, Block<T> h, const T* constants) noexcept {
    for (std::ptrdiff_t i = 0; i < h.rows; ++i)
#pragma GCC unroll 4
      for (std::ptrdiff_t j = 0; j < h.columns; j += kLanes<T>)
        store(h.data + i * h.stride + j, F::template value<T>(load(z + i * stride + j), constants));
  }
  static void backward(const T* saved, std::ptrdiff_t stride, Block<T> g, const T* constants) noexcept {
    for (std::ptrdiff_t i = 0; i < g.rows; ++i)
#pragma GCC unroll 4
      for (std::ptrdiff_t j = 0; j < g.columns; j += kLanes<T>) {
        T* p = g.data + i * g.stride + j;
        store(p, chain<T, F>(load(p), load(saved + i * stride + j), constants));
      }
  }
  static constexpr ScalarKernel<T> kernel{F::name,
                                          F::keeps_input,
                                          forward,
                                          backward,
                                          likeliest::LIKELIEST_ISA::forward_narrow<T, F>,
                                          backward_narrow<T, F>};
};

}  // namespace likeliest::LIKELIEST_ISA
