// Normal:  d log P / d theta = -theta / s^2.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/vector.hpp"

namespace likeliest::LIKELIEST_ISA {

struct NormalPrior {
  static constexpr const char* name = "normal";
  template <class T>
  static void constants(const double* prior, double scale, T* c) noexcept {
    c[0] = T(-scale / (prior[0] * prior[0]));
  }
  template <class T>
  static void add(const T* theta, T* g, std::ptrdiff_t count, const T* c) noexcept {
    for (std::ptrdiff_t i = 0; i < count; i += kLanes<T>) store(g + i, load(g + i) + c[0] * load(theta + i));
  }
};

}  // namespace likeliest::LIKELIEST_ISA
