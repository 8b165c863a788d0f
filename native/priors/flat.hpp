// Flat: no score.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/vector.hpp"

namespace likeliest::LIKELIEST_ISA {

struct FlatPrior {
  static constexpr const char* name = "flat";
  template <class T>
  static void constants(const double*, double, T*) noexcept {}
  template <class T>
  static void add(const T*, T*, std::ptrdiff_t, const T*) noexcept {}
};

}  // namespace likeliest::LIKELIEST_ISA
