// StudentT with fixed degrees of freedom (provisional).
#pragma once
#include "likelihoods/rowwise.hpp"
#include "likelihoods/scale.hpp"

extern "C" double lgamma(double) noexcept;

namespace likeliest::LIKELIEST_ISA {

struct StudentT {
  static constexpr const char* name = "student_t";
  static constexpr std::ptrdiff_t max_components = 2, max_targets = 1;
  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t, const Vector<T>* y,
                                             const T* constants, Vector<T>* score) {
    const T nu = constants[2];
    const T constant = T(::lgamma((nu + 1) / 2) - ::lgamma(nu / 2)) - T(0.57236494292470008707);
    const Vector<T> error = y[0] - eta[0];
    const SquaredScale<T> s(eta[1], constants[1] * constants[1]);
    const Vector<T> z2 = error * error * s.inverse;
    const Vector<T> w = (nu + 1) / (z2 + nu);
    score[0] = w * error * s.inverse;
    score[1] = T(0.5) * (w * z2 - T(1)) * s.share;
    return constant - T(0.5) * (log<T>(broadcast(nu)) + s.log + (nu + 1) * log<T>(T(1) + z2 * (1 / nu)));
  }
};

}  // namespace likeliest::LIKELIEST_ISA
