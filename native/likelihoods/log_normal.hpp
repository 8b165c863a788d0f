// LogNormal:  log P(y | eta) = -log y - z^2/2 - log(s) - log(2 pi)/2 with z = (log y - mu) / s; censored: log Phi(-z).
// eta: mu, and r = log of the squared scale unless that is fixed. s^2 = min_scale^2 + e^clip(r, -40, 40).
// y: the time and, with censoring, 1 where it was observed, 0 where it is censored.
// constants: the fixed scale, or 0; min_scale; 1 if y is censored.
#pragma once
#include "kernels/special.hpp"
#include "likelihoods/rowwise.hpp"
#include "likelihoods/scale.hpp"

namespace likeliest::LIKELIEST_ISA {

struct LogNormal {
  static constexpr const char* name = "log_normal";

  template <class T>
  struct Constants {
    Scale<T> scale;
    bool censored;
    LIKELIEST_INLINE explicit Constants(const T* given) : scale(given), censored(given[2] > T(0)) {}
  };

  template <class T>
  LIKELIEST_INLINE static Vector<T> evaluate(const Vector<T>* eta, std::ptrdiff_t components, const Vector<T>* y,
                                             const Constants<T>& constants, Vector<T>* score) {
    const SquaredScale<T> s = constants.scale(eta + 1);
    const Vector<T> log_y = log<T>(y[0]), inverse = square_root(s.inverse), z = (log_y - eta[0]) * inverse;
    // For what was observed; a and b are the scores but for their scales.
    Vector<T> log_prob = T(-0.5) * (z * z + s.log) - log_y - T(0.91893853320467274178), a = z, b = z * z - T(1);
    if (constants.censored) {
      const NormalTail<T> tail(z);
      const auto observed = y[1] > T(0);
      log_prob = observed ? log_prob : tail.log;
      a = observed ? a : tail.hazard;
      b = observed ? b : z * tail.hazard;
    }
    score[0] = a * inverse;
    if (components > 1) score[1] = T(0.5) * b * s.share;
    return log_prob;
  }
};

}  // namespace likeliest::LIKELIEST_ISA
