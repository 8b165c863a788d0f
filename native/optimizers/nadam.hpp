// m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,  theta <- theta + rate m_bar / (sqrt(v_hat) +
// epsilon).
#pragma once
#include "optimizers/adam.hpp"

namespace likeliest::LIKELIEST_ISA {

struct NAdam {
  static constexpr const char* name = "nadam";
  static constexpr int slots = 2;
  template <class T>
  static void constants(const double* h, double t, T* c) noexcept {
    const double rate = h[0], beta1 = h[1];
    Adam::constants(h, t, c);                                  // c[0] to c[6]
    c[4] = T(rate * beta1 / one_minus_power(beta1, t + 1));    // m_bar = beta1 m / (1 - beta1^(t+1))
    c[7] = T(rate * (1 - beta1) / one_minus_power(beta1, t));  //   + (1 - beta1) g / (1 - beta1^t)
  }
  template <class T>
  static void step(T* theta, const T* g, T* m, T* v, std::ptrdiff_t count, const T* c) noexcept {
    for (std::ptrdiff_t i = 0; i < count; i += kLanes<T>) {
      const Vector<T> gi = load(g + i);
      const Vector<T> mi = c[0] * load(m + i) + c[1] * gi, vi = c[2] * load(v + i) + c[3] * (gi * gi);
      store(m + i, mi);
      store(v + i, vi);
      store(theta + i, load(theta + i) + (c[4] * mi + c[7] * gi) / (square_root(vi) * c[5] + c[6]));
    }
  }
};

}  // namespace likeliest::LIKELIEST_ISA
