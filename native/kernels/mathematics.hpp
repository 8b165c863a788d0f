// e^x, e^x - 1, log x, log(1 + u), sin and cos, the logistic function, tanh and Phi on whole registers, in float and in
// double.
//
// A NaN stays a NaN, and both ends are exact: e^x is 0 and infinity where it should be, so that divergence shows.
#pragma once
#include "kernels/vector.hpp"

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

// x = n ln 2 + r with |r| <= ln 2 / 2. Gives r, (e^r - 1) / r - 1 over r, and 2^n as a product of two, since 2^n alone
// may overflow.
template <class T>
struct Reduced {
  Vector<T> r, series, n, scale1, scale2;
};
// What is known of an exponent: whether it may be so far from 0 that it has to be cut off.
enum class Far { above_and_below, below, no };
template <class T, Far FAR = Far::above_and_below>
LIKELIEST_INLINE Reduced<T> reduce(Vector<T> x) {
  using L = Limits<T>;
  if constexpr (FAR == Far::above_and_below)
    x = between(x, broadcast(L::exp_low), broadcast(L::exp_high));
  else if constexpr (FAR == Far::below)
    x = at_least(x, broadcast(L::exp_low));
  const Vector<T> shifted = x * T(1.44269504088896340736) + L::round;
  const Vector<T> n = shifted - L::round;
  const Vector<T> r = (x - n * L::ln2_high) - n * L::ln2_low;
  const Integers<T> whole = Integers<T>(shifted) - Integers<T>(broadcast(L::round));
  const Integers<T> half = whole >> 1;
  return {r, exp_series<T>(r), n, Vector<T>((half + L::bias) << L::mantissa),
          Vector<T>((whole - half + L::bias) << L::mantissa)};
}

#if defined(__AVX512F__)
LIKELIEST_INLINE Vector<float> times_power_of_2(Vector<float> x, Vector<float> n) {
  return Vector<float>(_mm512_maskz_scalef_ps(__mmask16(-1), __m512(x), __m512(n)));
}
LIKELIEST_INLINE Vector<double> times_power_of_2(Vector<double> x, Vector<double> n) {
  return Vector<double>(_mm512_maskz_scalef_pd(__mmask8(-1), __m512d(x), __m512d(n)));
}
#endif

template <class T, Far FAR = Far::above_and_below>
LIKELIEST_INLINE Vector<T> exp(Vector<T> x) {
  const Reduced<T> q = reduce<T, FAR>(x);
  const Vector<T> exp_r = (q.series * q.r + T(1)) * q.r + T(1);
#if defined(__AVX512F__)
  return times_power_of_2(exp_r, q.n);
#else
  return exp_r * q.scale1 * q.scale2;
#endif
}

// e^x - 1, with full relative precision near 0; up to x = exp_high - 1 nothing overflows.
template <class T>
LIKELIEST_INLINE Vector<T> expm1(Vector<T> x) {
  const Reduced<T> q = reduce<T>(x);
  const Vector<T> scale = q.scale1 * q.scale2;
  return (q.r + q.r * q.r * q.series) * scale + (scale - T(1));
}

// log(1 + u) for -1/2 <= u <= 1, as 2 artanh(s) = 2 (s + s^3/3 + s^5/5 + ...) with |s| = |u / (2 + u)| <= 1/3.
template <class T>
LIKELIEST_INLINE Vector<T> log1p_of_fraction(Vector<T> u) {
  const Vector<T> s = u / (u + T(2)), q = s * s;
  constexpr int terms = Limits<T>::log_terms;
  Vector<T> p = broadcast(T(1.0 / (2 * terms - 1)));
#pragma GCC unroll 32
  for (int k = terms - 2; k >= 0; --k) p = p * q + T(1.0 / (2 * k + 1));
  return T(2) * s * p;
}

// log x = e log 2 + 2 artanh((m - 1) / (m + 1)) for x = 2^e m with m in [sqrt(1/2), sqrt(2)), of a positive number
// whose leading bit is not 0: neither tiny nor infinite. A NaN may become a number.
template <class T>
LIKELIEST_INLINE Vector<T> log_of_ordinary(Vector<T> x, Vector<T> e_less = Vector<T>{}) {
  using L = Limits<T>;
  const Integers<T> bits = Integers<T>(x), root_half = Integers<T>(broadcast(T(0.70710678118654752440)));
  const Integers<T> e = (bits - root_half) >> L::mantissa;
  const Vector<T> m = Vector<T>(bits - (e << L::mantissa));
  const Vector<T> n = Vector<T>(e + Integers<T>(broadcast(L::round))) - L::round - e_less;
  const Vector<T> s = (m - T(1)) / (m + T(1)), q = s * s;
  Vector<T> p = broadcast(T(1.0 / (2 * L::ratio_terms - 1)));
#pragma GCC unroll 16
  for (int k = L::ratio_terms - 2; k >= 1; --k) p = p * q + T(1.0 / (2 * k + 1));
  return n * L::ln2_high + (T(2) * s + (T(2) * s * (q * p) + n * L::ln2_low));
}

// log x of any x: log 0 is -infinity, the log of a negative number NaN.
template <class T>
LIKELIEST_INLINE Vector<T> log(Vector<T> x) {
  using L = Limits<T>;
  const Vector<T> infinity = broadcast(T(__builtin_inf()));
  const auto tiny = x < L::smallest;  // numbers whose leading bits are 0 are scaled up first
  const Vector<T> result = log_of_ordinary<T>(tiny ? x * L::scale_up : x, tiny ? broadcast(L::scaled_by) : Vector<T>{});
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
  const Vector<T> e = exp<T, Far::below>(-magnitude<T>(x));
  return (x < T(0) ? e : broadcast(T(1))) / (e + T(1));
}

template <class T>
LIKELIEST_INLINE Vector<T> softplus(Vector<T> x) {
  return (x > T(0) ? x : x * T(0)) + log1p_of_fraction<T>(exp<T, Far::below>(-magnitude<T>(x)));
}

template <class T>
LIKELIEST_INLINE Vector<T> tanh(Vector<T> x) {
  const Vector<T> e = expm1<T>(T(-2) * magnitude<T>(x)), t = -e / (e + T(2));
  return x < T(0) ? -t : t;
}

// erfc(x) = e^(-x^2) t P(2t - 1) with t = 2.5 / (2.5 + x), x >= 0: P is a truncated Chebyshev series, written out in
// powers, of relative error 1e-8 in float and below rounding in double.
template <class T>
struct ErfcFit;
template <>
struct ErfcFit<float> {
  static constexpr float P[] = {0.42161274f,     0.321860731f,     0.181565806f,     0.0685003698f,
                                0.0113426708f,   -0.00335645652f,  -0.00191894441f,  0.000172892775f,
                                0.000263716327f, -1.81256346e-05f, -2.80640525e-05f, 2.66282973e-06f};
};
template <>
struct ErfcFit<double> {
  static constexpr double P[] = {
      0.42161272812228723,     0.3218607397756594,      0.18156564665922276,    0.06850045809844092,
      0.011344620053543768,    -0.003357217721730853,   -0.0019275142232051635, 0.00017568331795414735,
      0.00028107762359897705,  -2.332320957295223e-05,  -4.50426936008718e-05,  7.813278685890328e-06,
      7.300477745122257e-06,   -2.702803939135038e-06,  -9.393354423390487e-07, 7.870007654306522e-07,
      7.652875904611118e-09,   -1.814211976254914e-07,  4.4859777528788816e-08, 2.94804494217866e-08,
      -1.4297276763253708e-08, -2.5050658726993376e-09, 1.810025166117929e-09};
};

// erfc(x) e^(x^2) for x >= 0: from 1 it falls like 1 / (x sqrt(pi)).
template <class T>
LIKELIEST_INLINE Vector<T> scaled_erfc(Vector<T> x) {
  using F = ErfcFit<T>;
  constexpr int degree = sizeof(F::P) / sizeof(T) - 1;
  const Vector<T> t = T(2.5) / (x + T(2.5)), u = T(2) * t - T(1);
  Vector<T> p = broadcast(F::P[degree]);
#pragma GCC unroll 24
  for (int k = degree - 1; k >= 0; --k) p = p * u + F::P[k];
  return t * p;
}

// The standard normal distribution function, Phi(x) = erfc(-x / sqrt 2) / 2.
template <class T>
LIKELIEST_INLINE Vector<T> normal_cdf(Vector<T> x) {
  const Vector<T> a = magnitude<T>(x);
  const Vector<T> upper = T(0.5) * exp<T>(T(-0.5) * a * a) * scaled_erfc<T>(a * T(0.70710678118654752440));
  return x < T(0) ? upper : T(1) - upper;
}

}  // namespace likeliest::LIKELIEST_ISA
