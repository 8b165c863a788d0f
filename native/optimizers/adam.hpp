// m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,  theta <- theta + rate m_hat / (sqrt(v_hat) +
// epsilon).
#pragma once
#include "kernels/vector.hpp"

extern "C" double pow(double, double) noexcept;
extern "C" double sqrt(double) noexcept;

namespace likeliest::LIKELIEST_ISA {

// 1 - beta^t, in double; beta^t <= e^-(1 - beta) t is nothing beside 1 long before it has become 0, which takes long.
LIKELIEST_INLINE double one_minus_power(double beta, double t) {
  return (1 - beta) * t > 40 ? 1.0 : 1 - ::pow(beta, t);
}

struct Adam {
  static constexpr const char* name = "adam";
  static constexpr int slots = 2;
  template <class T>
  static void constants(const double* h, double t, T* c) noexcept {
    const double rate = h[0], beta1 = h[1], beta2 = h[2], epsilon = h[3];
    c[0] = T(beta1);
    c[1] = T(1 - beta1);
    c[2] = T(beta2);
    c[3] = T(1 - beta2);
    c[4] = T(rate / one_minus_power(beta1, t));       // m_hat = m / (1 - beta1^t)
    c[5] = T(1 / ::sqrt(one_minus_power(beta2, t)));  // sqrt(v_hat) = sqrt(v) / sqrt(1 - beta2^t)
    c[6] = T(epsilon);
  }
  template <class T>
  static void step(T* theta, const T* g, T* m, T* v, std::ptrdiff_t count, const T* c) noexcept {
    for (std::ptrdiff_t i = 0; i < count; i += kLanes<T>) {
      const Vector<T> gi = load(g + i);
      const Vector<T> mi = c[0] * load(m + i) + c[1] * gi, vi = c[2] * load(v + i) + c[3] * (gi * gi);
      store(m + i, mi);
      store(v + i, vi);
      store(theta + i, load(theta + i) + c[4] * mi / (square_root(vi) * c[5] + c[6]));
    }
  }
};

}  // namespace likeliest::LIKELIEST_ISA
