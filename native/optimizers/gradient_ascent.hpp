// theta <- theta + rate g.
#pragma once
#include "kernels/vector.hpp"

namespace likeliest::LIKELIEST_ISA {

struct GradientAscent {
  static constexpr const char* name = "gradient_ascent";
  static constexpr int slots = 0;
  template <class T>
  static void constants(const double* h, double, T* c) noexcept {
    c[0] = T(h[0]);
  }
  template <class T>
  static void step(T* theta, const T* g, T*, T*, std::ptrdiff_t count, const T* c) noexcept {
    for (std::ptrdiff_t i = 0; i < count; i += kLanes<T>) store(theta + i, load(theta + i) + c[0] * load(g + i));
  }
};

}  // namespace likeliest::LIKELIEST_ISA
