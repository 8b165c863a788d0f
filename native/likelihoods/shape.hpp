// The shape of a distribution (a concentration, a dispersion, degrees of freedom): a number that is given, or from its
// column of eta: a = e^clip(v, -20, 20).
#pragma once
#include "kernels/special.hpp"
#include "likelihoods/scale.hpp"

namespace likeliest::LIKELIEST_ISA {

template <class T>
struct Shape {
  Vector<T> log, value, slope;  // log a, a and d log a / dv
  LIKELIEST_INLINE explicit Shape(Vector<T> v) {
    const Cut<T> cut(v, T(20));
    log = cut.value, value = exp<T>(log), slope = cut.slope;
  }
  LIKELIEST_INLINE explicit Shape(T a)
      : log(::likeliest::LIKELIEST_ISA::log<T>(broadcast(a))), value(broadcast(a)), slope{} {}
};

// A shape with S(a) = log Gamma(a) - (a log a - a) and its slope.
template <class T>
struct StirlingShape : Shape<T> {
  Stirling<T> S;
  LIKELIEST_INLINE explicit StirlingShape(const Shape<T>& shape) : Shape<T>(shape), S(shape.value) {}
};

// Of is what a page makes of a shape: computed once where it is given (not 0), else for every register.
template <class T, class Of>
struct ShapeSetting {
  T given;
  Of fixed;
  LIKELIEST_INLINE explicit ShapeSetting(T given) : given(given), fixed(Shape<T>(given)) {}
  LIKELIEST_INLINE Of operator()(const Vector<T>* v) const { return given > T(0) ? fixed : Of(Shape<T>(*v)); }
};

}  // namespace likeliest::LIKELIEST_ISA
