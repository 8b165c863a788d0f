// h = max(z, 0),  dh/dz = 1 where h > 0, else 0. A NaN stays a NaN on the way there, and so shows in the
// log-likelihood: the processor's maximum gives its second argument where one is NaN, and a comparison is false.
#pragma once
#include <type_traits>  // types only

#include "kernels/mathematics.hpp"

namespace likeliest::LIKELIEST_ISA {

struct Relu {
  static constexpr const char* name = "relu";
  static constexpr bool keeps_input = false;
  template <class T>
  LIKELIEST_INLINE static Vector<T> value(Vector<T> z, const T*) {
    return of(z);
  }
  template <class V>
  LIKELIEST_INLINE static V of(V z) {
#if defined(__AVX512F__)
    // The compiler makes two operations of a choice; the masked form as in square_root.
    if constexpr (std::is_same_v<V, Vector<float>>)
      return V(_mm512_maskz_max_ps(__mmask16(-1), __m512{}, __m512(z)));
    else if constexpr (std::is_same_v<V, Vector<double>>)
      return V(_mm512_maskz_max_pd(__mmask8(-1), __m512d{}, __m512d(z)));
    else if constexpr (std::is_same_v<V, Half<float>>)
      return V(_mm256_max_ps(__m256{}, __m256(z)));
    else
      return V(_mm256_max_pd(__m256d{}, __m256d(z)));
#else
    return z < 0 ? V{} : z;
#endif
  }
  template <class T>
  LIKELIEST_INLINE static Vector<T> chain(Vector<T> g, Vector<T> h) {
    return h > T(0) ? g : h;  // which is 0, or NaN
  }
};

}  // namespace likeliest::LIKELIEST_ISA
