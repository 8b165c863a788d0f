// StudentT:  d log P / d theta = -(df + 1) theta / (df s^2 + theta^2).
#pragma once
#include "engine/kernels.hpp"
#include "kernels/vector.hpp"

namespace likeliest::LIKELIEST_ISA {

struct StudentTPrior {
  static constexpr const char* name = "student_t";
  template <class T>
  static void constants(const double* prior, double scale, T* c) noexcept {
    c[0] = T(-scale * (prior[1] + 1));
    c[1] = T(prior[1] * prior[0] * prior[0]);
  }
  template <class T>
  static void add(const T* theta, T* g, std::ptrdiff_t count, const T* c) noexcept {
    for (std::ptrdiff_t i = 0; i < count; i += kLanes<T>) {
      const Vector<T> t = load(theta + i);
      store(g + i, load(g + i) + c[0] * t / (t * t + c[1]));
    }
  }
};

}  // namespace likeliest::LIKELIEST_ISA
