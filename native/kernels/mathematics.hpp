// e^x, e^x - 1, log x, log(1 + u), sin and cos, the logistic function, tanh and Phi on whole registers, in float and in
// double.
//
// A NaN stays a NaN, and both ends are exact: e^x is 0 and infinity where it should be, so that divergence shows.
#pragma once
#include "kernels/vector.hpp"

extern "C" double erfc(double) noexcept;  // the C library's, declared here to keep <cmath> and its templates out

namespace likeliest::LIKELIEST_ISA {

template <class T>
struct Limits;
template <>
struct Limits<float> {
  static constexpr float exp_low = -104.0f, exp_high = 89.0f;  // beyond: e^x is 0, or infinite
  static constexpr float round = 12582912.0f;                  // 1.5 2^23: adding it rounds to a whole number
  static constexpr float ln2_high = 0.693145751953125f, ln2_low = 1.42860682030941723212e-6f;
  static constexpr float smallest = 1.17549435e-38f, scale_up = 33554432.0f, scaled_by = 25.0f;  // 2^25
  static constexpr int mantissa = 23, bias = 127, exp_terms = 7, log_terms = 8, ratio_terms = 6, turn_terms = 5;
};
template <>
struct Limits<double> {
  static constexpr double exp_low = -746.0, exp_high = 710.0;
  static constexpr double round = 6755399441055744.0;  // 1.5 2^52
  static constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
  static constexpr double smallest = 2.2250738585072014e-308, scale_up = 18014398509481984.0, scaled_by = 54.0;  // 2^54
  static constexpr int mantissa = 52, bias = 1023, exp_terms = 13, log_terms = 17, ratio_terms = 12, turn_terms = 9;
};

// The series of (e^r - 1) / r - 1 over r: 1/2! + r/3! + r^2/4! + ..., by Horner's rule.
template <class T>
LIKELIEST_INLINE Vector<T> exp_series(Vector<T> r) {
  double factorial = 1;
  for (int k = 2; k <= Limits<T>::exp_terms; ++k) factorial *= k;
  Vector<T> p = broadcast(T(1 / factorial));
#pragma GCC unroll 16
  for (int k = Limits<T>::exp_terms; k > 2; --k) {
    factorial /= k;
    p = p * r + T(1 / factorial);
  }
  return p;
}

// x = n ln 2 + r with |r| <= ln 2 / 2. Gives e^r - 1, and 2^n as a product of two, since 2^n alone may overflow.
template <class T>
struct Reduced {
  Vector<T> expm1_r, scale1, scale2;
};
template <class T>
LIKELIEST_INLINE Reduced<T> reduce(Vector<T> x) {
  using L = Limits<T>;
  x = x > L::exp_high ? broadcast(L::exp_high) : x;  // a comparison with NaN is false, so a NaN passes
  x = x < L::exp_low ? broadcast(L::exp_low) : x;
  const Vector<T> shifted = x * T(1.44269504088896340736) + L::round;
  const Vector<T> n = shifted - L::round;
  const Vector<T> r = (x - n * L::ln2_high) - n * L::ln2_low;
  const Integers<T> whole = Integers<T>(shifted) - Integers<T>(broadcast(L::round));
  const Integers<T> half = whole >> 1;
  return {r + r * r * exp_series<T>(r), Vector<T>((half + L::bias) << L::mantissa),
          Vector<T>((whole - half + L::bias) << L::mantissa)};
}

template <class T>
LIKELIEST_INLINE Vector<T> exp(Vector<T> x) {
  const Reduced<T> q = reduce<T>(x);
  return (q.expm1_r + T(1)) * q.scale1 * q.scale2;
}

// e^x - 1, with full relative precision near 0; for x <= 0, where it is used, nothing overflows.
template <class T>
LIKELIEST_INLINE Vector<T> expm1(Vector<T> x) {
  const Reduced<T> q = reduce<T>(x);
  const Vector<T> scale = q.scale1 * q.scale2;
  return q.expm1_r * scale + (scale - T(1));
}

// log(1 + u) for 0 <= u <= 1, as 2 artanh(s) = 2 (s + s^3/3 + s^5/5 + ...) with s = u / (2 + u) <= 1/3.
template <class T>
LIKELIEST_INLINE Vector<T> log1p_of_fraction(Vector<T> u) {
  const Vector<T> s = u / (u + T(2)), q = s * s;
  constexpr int terms = Limits<T>::log_terms;
  Vector<T> p = broadcast(T(1.0 / (2 * terms - 1)));
#pragma GCC unroll 32
  for (int k = terms - 2; k >= 0; --k) p = p * q + T(1.0 / (2 * k + 1));
  return T(2) * s * p;
}

// log x = e log 2 + 2 artanh((m - 1) / (m + 1)) for x = 2^e m with m in [sqrt(1/2), sqrt(2)). log 0 is -infinity, the
// log of a negative number NaN.
template <class T>
LIKELIEST_INLINE Vector<T> log(Vector<T> x) {
  using L = Limits<T>;
  const Vector<T> infinity = broadcast(T(__builtin_inf()));
  const auto tiny = x < L::smallest;  // numbers whose leading bits are 0 are scaled up first
  const Vector<T> y = tiny ? x * L::scale_up : x;
  const Integers<T> bits = Integers<T>(y), root_half = Integers<T>(broadcast(T(0.70710678118654752440)));
  const Integers<T> e = (bits - root_half) >> L::mantissa;
  const Vector<T> m = Vector<T>(bits - (e << L::mantissa));
  const Vector<T> n =
      Vector<T>(e + Integers<T>(broadcast(L::round))) - L::round - (tiny ? broadcast(L::scaled_by) : Vector<T>{});
  const Vector<T> s = (m - T(1)) / (m + T(1)), q = s * s;
  Vector<T> p = broadcast(T(1.0 / (2 * L::ratio_terms - 1)));
#pragma GCC unroll 16
  for (int k = L::ratio_terms - 2; k >= 1; --k) p = p * q + T(1.0 / (2 * k + 1));
  const Vector<T> result = n * L::ln2_high + (T(2) * s + (T(2) * s * (q * p) + n * L::ln2_low));
  const Vector<T> outside = x == T(0) ? -infinity : broadcast(T(__builtin_nan("")));
  return x > T(0) ? (x < infinity ? result : x) : outside;
}

// sin and cos of 2 pi u for u in [0, 1]: of the nearest quarter turn, and a series for what is left.
template <class T>
LIKELIEST_INLINE void sin_cos_of_turn(Vector<T> u, Vector<T>& sine, Vector<T>& cosine) {
  using L = Limits<T>;
  const Vector<T> shifted = u * T(4) + L::round, quarter = shifted - L::round;
  const Integers<T> k = Integers<T>(shifted) - Integers<T>(broadcast(L::round));
  const Vector<T> a = (u - quarter * T(0.25)) * T(6.28318530717958647693), q = -a * a;
  Vector<T> s = broadcast(T(1)), c = broadcast(T(1));
#pragma GCC unroll 12
  for (int i = L::turn_terms; i >= 1; --i) {
    s = s * q * T(1.0 / ((2 * i) * (2 * i + 1))) + T(1);
    c = c * q * T(1.0 / ((2 * i - 1) * (2 * i))) + T(1);
  }
  s *= a;
  const auto odd = (k & 1) != 0;
  sine = odd ? c : s;
  cosine = odd ? s : c;
  sine = (k & 2) != 0 ? -sine : sine;
  cosine = ((k + 1) & 2) != 0 ? -cosine : cosine;
}

template <class T>
LIKELIEST_INLINE Vector<T> magnitude(Vector<T> x) {
  return x < T(0) ? -x : x;
}

template <class T>
LIKELIEST_INLINE Vector<T> logistic(Vector<T> x) {
  const Vector<T> e = exp<T>(-magnitude<T>(x));
  return (x < T(0) ? e : broadcast(T(1))) / (e + T(1));
}

template <class T>
LIKELIEST_INLINE Vector<T> softplus(Vector<T> x) {
  return (x > T(0) ? x : x * T(0)) + log1p_of_fraction<T>(exp<T>(-magnitude<T>(x)));
}

template <class T>
LIKELIEST_INLINE Vector<T> tanh(Vector<T> x) {
  const Vector<T> e = expm1<T>(T(-2) * magnitude<T>(x)), t = -e / (e + T(2));
  return x < T(0) ? -t : t;
}

// The standard normal distribution function, Phi(x) = erfc(-x / sqrt 2) / 2.
LIKELIEST_INLINE Vector<double> normal_cdf(Vector<double> x) {
  Vector<double> y = x * -0.70710678118654752440;
  for (int i = 0; i < kLanes<double>; ++i) y[i] = 0.5 * ::erfc(y[i]);
  return y;
}
// In float: erfc(a) = e^(-a^2) t P(t) with t = 2 / (2 + a), a >= 0. P is a Chebyshev least-squares fit of degree 10 to
// the scaled function, of relative error 1.2e-8; with rounding 2e-7.
LIKELIEST_INLINE Vector<float> normal_cdf(Vector<float> x) {
  constexpr float fit[] = {0.282094806432724f,   0.28209376335144043f,  0.2468845695257187f,  0.1753159761428833f,
                           0.09346243739128113f, -0.059211365878582f,   0.13217705488204956f, -0.4549739956855774f,
                           0.4936949610710144f,  -0.23473359644412994f, 0.04319543391466141f};
  const Vector<float> a = magnitude<float>(x) * 0.70710678118654752440f, t = 2.0f / (a + 2.0f);
  Vector<float> p = broadcast(fit[10]);
#pragma GCC unroll 10
  for (int k = 9; k >= 0; --k) p = p * t + fit[k];
  const Vector<float> upper = 0.5f * exp<float>(-a * a) * t * p;
  return x < 0.0f ? upper : 1.0f - upper;
}

}  // namespace likeliest::LIKELIEST_ISA
