// Registers of which only the first numbers count, at the end of the channels of a place.
#pragma once
#include "kernels/vector.hpp"

namespace likeliest::LIKELIEST_ISA {

template <class T>
LIKELIEST_INLINE void store_first(T* to, Vector<T> v, std::ptrdiff_t count) {
  if (count >= kLanes<T>) return store(to, v);
  T numbers[kLanes<T>];
  store(numbers, v);
  for (std::ptrdiff_t i = 0; i < count; ++i) to[i] = numbers[i];
}

}  // namespace likeliest::LIKELIEST_ISA
