// theta <- theta - rate decay theta, and then as Adam.
#pragma once
#include "optimizers/adam.hpp"

namespace likeliest::LIKELIEST_ISA {

struct AdamW {
  static constexpr const char* name = "adamw";
  static constexpr int slots = 2;
  template <class T>
  static void constants(const double* h, double t, T* c) noexcept {
    Adam::constants(h, t, c);  // c[0] to c[6]
    c[7] = T(h[0] * h[4]);
  }
  template <class T>
  static void step(T* theta, const T* g, T* m, T* v, std::ptrdiff_t count, const T* c) noexcept {
    for (std::ptrdiff_t i = 0; i < count; i += kLanes<T>) {
      const Vector<T> gi = load(g + i), start = load(theta + i);
      const Vector<T> mi = c[0] * load(m + i) + c[1] * gi, vi = c[2] * load(v + i) + c[3] * (gi * gi);
      store(m + i, mi);
      store(v + i, vi);
      store(theta + i, start - c[7] * start + c[4] * mi / (square_root(vi) * c[5] + c[6]));
    }
  }
};

}  // namespace likeliest::LIKELIEST_ISA
