// Laplace:  d log P / d theta = -sign(theta) / s.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/vector.hpp"

namespace likeliest::LIKELIEST_ISA {

struct LaplacePrior {
  static constexpr const char* name = "laplace";
  template <class T>
  static void constants(const double* prior, double scale, T* c) noexcept {
    c[0] = T(-scale / prior[0]);
  }
  template <class T>
  static void add(const T* theta, T* g, std::ptrdiff_t count, const T* c) noexcept {
    const Vector<T> slope = broadcast(c[0]);
    for (std::ptrdiff_t i = 0; i < count; i += kLanes<T>) {
      const Vector<T> t = load(theta + i);
      store(g + i, load(g + i) + (t > T(0) ? slope : (t < T(0) ? -slope : Vector<T>{})));
    }
  }
};

}  // namespace likeliest::LIKELIEST_ISA
