// Registers of which only the first numbers count, at the end of the channels of a place.
#pragma once
#include "kernels/vector.hpp"

namespace likeliest::LIKELIEST_ISA {

template <class T>
LIKELIEST_INLINE void store_first(T* to, Vector<T> v, std::ptrdiff_t count) {
  if (count >= kLanes<T>) return store(to, v);
#if defined(__AVX512F__)
  const auto first = (1u << count) - 1;
  if constexpr (sizeof(T) == 4)
    return _mm512_mask_storeu_ps(to, __mmask16(first), __m512(v));
  else
    return _mm512_mask_storeu_pd(to, __mmask8(first), __m512d(v));
#endif
  T numbers[kLanes<T>];
  store(numbers, v);
  for (std::ptrdiff_t i = 0; i < count; ++i) to[i] = numbers[i];
}

}  // namespace likeliest::LIKELIEST_ISA
