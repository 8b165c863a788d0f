// log(1 + u), log-odds, the tail of the Normal, log n!, and the Gamma function by Stirling's formula, on whole
// registers, in float and in double.
//
// Series for large a reach small a by the recurrence Gamma(a + 1) = a Gamma(a), for all lanes alike: a lane's number
// never depends on its neighbours. A NaN stays a NaN.
#pragma once
#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

// log(1 + u) for u > -1, with full relative precision near 0: the log of the rounded sum, and what rounding lost.
template <class T>
LIKELIEST_INLINE Vector<T> log1p(Vector<T> u) {
  const Vector<T> sum = u + T(1);
  return log<T>(sum) + (u < T(1e18) ? (u - (sum - T(1))) / sum : Vector<T>{});  // far out nothing is lost
}

// A probability p from its log-odds z, and 1 - p: sigma(z) and sigma(-z), with full relative precision, and their logs.
template <class T>
struct LogOdds {
  Vector<T> p, rest, log_p, log_rest;
  LIKELIEST_INLINE explicit LogOdds(Vector<T> z) {
    const Vector<T> e = exp<T>(-magnitude<T>(z)), larger = T(1) / (e + T(1)), smaller = e * larger;
    const Vector<T> l = log1p_of_fraction<T>(e);
    const auto negative = z < T(0);
    p = negative ? smaller : larger;
    rest = negative ? larger : smaller;
    log_p = negative ? z - l : -l;
    log_rest = negative ? -l : -z - l;
  }
};

// log Phi(-z), how likely a standard Normal is above z, and the hazard phi(z) / Phi(-z), which is its slope times -1.
template <class T>
struct NormalTail {
  Vector<T> log, hazard;
  LIKELIEST_INLINE explicit NormalTail(Vector<T> z) {
    constexpr T density = T(0.39894228040143267794);  // phi(0)
    const auto below = z < T(0);
    const Vector<T> square = T(-0.5) * z * z, e = exp<T>(square);
    const Vector<T> w = T(0.5) * scaled_erfc<T>(magnitude<T>(z) * T(0.70710678118654752440));  // Phi(-|z|) = e w
    log = below ? log1p_of_fraction<T>(-e * w) : square + ::likeliest::LIKELIEST_ISA::log<T>(w);
    hazard = (below ? e * density : broadcast(density)) / (below ? T(1) - e * w : w);
  }
};

// From `least` on, `terms` of Stirling's series are right to the last bit.
template <class T>
struct GammaLimits;
template <>
struct GammaLimits<float> {
  static constexpr int least = 4, terms = 4;
};
template <>
struct GammaLimits<double> {
  static constexpr int least = 8, terms = 8;
};

// log Gamma(b) - (b log b - b + log(2 pi / b) / 2) = sum of c_k / b^(2k - 1), c_k = B_2k / 2k (2k - 1).
inline constexpr double kStirling[] = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                                       1.0 / 1188, -691.0 / 360360, 1.0 / 156,  -3617.0 / 122400};
template <class T>
LIKELIEST_INLINE Vector<T> stirling_series(Vector<T> inverse) {
  const Vector<T> t = inverse * inverse;
  Vector<T> p = broadcast(T(kStirling[GammaLimits<T>::terms - 1]));
#pragma GCC unroll 8
  for (int k = GammaLimits<T>::terms - 2; k >= 0; --k) p = p * t + T(kStirling[k]);
  return p * inverse;
}
// Its derivative with respect to b.
template <class T>
LIKELIEST_INLINE Vector<T> stirling_series_slope(Vector<T> inverse) {
  const Vector<T> t = inverse * inverse;
  constexpr int last = GammaLimits<T>::terms - 1;
  Vector<T> p = broadcast(T(-(2 * last + 1) * kStirling[last]));
#pragma GCC unroll 8
  for (int k = last - 1; k >= 0; --k) p = p * t + T(-(2 * k + 1) * kStirling[k]);
  return p * t;
}

// Where a is small, b = a + least with Gamma(b) = rising Gamma(a), rising = a (a + 1) ... (a + least - 1), and
// `harmonic` its derivative's part, 1/a + 1/(a + 1) + ...; else b = a, rising = 1 and harmonic = 0.
template <class T>
struct Raised {
  static constexpr int least = GammaLimits<T>::least;
  Vector<T> b, rising, harmonic;
  Integers<T> small;
  LIKELIEST_INLINE explicit Raised(Vector<T> a) : small(a < T(least)) {
    Vector<T> product = a, sum = broadcast(T(1));  // sum / product is the sum of 1 / (a + k)
#pragma GCC unroll 8
    for (int k = 1; k < least; ++k) {
      sum = sum * (a + T(k)) + product;
      product *= a + T(k);
    }
    b = small ? a + T(least) : a;
    rising = small ? product : broadcast(T(1));
    harmonic = small ? sum / product : Vector<T>{};
  }
};

inline constexpr double kTwoPi = 6.28318530717958647693;

// S(a) = log Gamma(a) - (a log a - a) for a > 0, and its slope psi(a) - log a. Densities with a large shape are
// differences of log Gammas as large as a log a: written with S, the large terms cancel on paper.
template <class T>
struct Stirling {
  Vector<T> value, slope;
  LIKELIEST_INLINE explicit Stirling(Vector<T> a) {
    const Raised<T> r(a);
    const Vector<T> inverse = T(1) / r.b, growth = log<T>(r.b / a);  // 0 where a is not small
    Vector<T> power = r.b;
    for (int k = 1; k < Raised<T>::least; k *= 2) power *= power;
    // S(a) = S(b) + a log(b / a) + least log b - least - log rising
    const Vector<T> ratio = r.small ? power / r.rising : broadcast(T(1));
    value = log<T>(square_root(T(kTwoPi) * inverse) * ratio) + (a * growth + stirling_series<T>(inverse)) -
            (r.small ? broadcast(T(Raised<T>::least)) : Vector<T>{});
    slope = (T(-0.5) * inverse + stirling_series_slope<T>(inverse)) + (growth - r.harmonic);
  }
};

// log n! for n = 0, 1, 2, ...; exact for 0 and 1.
template <class T>
LIKELIEST_INLINE Vector<T> log_factorial(Vector<T> n) {
  const Raised<T> r(n + T(1));
  const Vector<T> inverse = T(1) / r.b;
  const Vector<T> result =
      r.b * (log<T>(r.b) - T(1)) + log<T>(square_root(T(kTwoPi) * inverse) / r.rising) + stirling_series<T>(inverse);
  return n < T(2) ? Vector<T>{} : result;
}

}  // namespace likeliest::LIKELIEST_ISA
