// Horseshoe:  d log P / d theta = (theta / s^2) (1 - 1 / (u e^u E1(u))),  u = (theta^2 / s^2 + floor^2) / 2.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

// 1 - 1 / (u e^u E1(u)) for u > 0: below 1 from the series of E1, above from its continued fraction
// e^u E1(u) = 1 / (u + 1 - 1 / (u + 3 - 4 / (u + 5 - ...))), which gives 1 - 1 / (u e^u E1) without cancellation.
template <class T>
LIKELIEST_INLINE Vector<T> horseshoe_slope(Vector<T> u) {
  constexpr bool wide = sizeof(T) == 8;
  constexpr int series = wide ? 20 : 10, fractions = wide ? 90 : 22;
  const Vector<T> near = u < T(1) ? u : broadcast(T(1)), far = u > T(1) ? u : broadcast(T(1));
  // E1(u) = -gamma - log u - sum_k (-u)^k / (k k!)
  Vector<T> total{}, power = broadcast(T(1));
  for (int k = 1; k <= series; ++k) {
    power *= near * T(-1.0 / k);
    total += power * T(1.0 / k);
  }
  const Vector<T> e1 = T(-0.57721566490153286061) - log<T>(near) - total;
  const Vector<T> below = T(1) - T(1) / (near * exp<T>(near) * e1);
  Vector<T> tail{};
  for (int k = fractions; k >= 1; --k) tail = T(k) * T(k) / (far + T(2 * k + 1) - tail);
  // 1 / (e^u E1) = u + 1 - tail, so 1 - (u + 1 - tail) / u = (tail - 1) / u.
  const Vector<T> above = (tail - T(1)) / far;
  return u < T(1) ? below : above;
}

struct HorseshoePrior {
  static constexpr const char* name = "horseshoe";
  static constexpr double floor = 1e-3;
  template <class T>
  static void constants(const double* prior, double scale, T* c) noexcept {
    c[0] = T(0.5 / (prior[0] * prior[0]));
    c[1] = T(0.5 * floor * floor);
    c[2] = T(scale / (prior[0] * prior[0]));
  }
  template <class T>
  static void add(const T* theta, T* g, std::ptrdiff_t count, const T* c) noexcept {
    for (std::ptrdiff_t i = 0; i < count; i += kLanes<T>) {
      const Vector<T> t = load(theta + i);
      store(g + i, load(g + i) + c[2] * t * horseshoe_slope<T>(t * t * c[0] + c[1]));
    }
  }
};

}  // namespace likeliest::LIKELIEST_ISA
