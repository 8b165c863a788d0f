// The order of the examples: the same numbers as likeliest/random.py draws, sooner.
#pragma once
#include <cstddef>
#include <cstdint>

#include "engine/kernels.hpp"

namespace likeliest {

struct Key {
  std::uint32_t low, high;
};

// Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw 2011).
Key threefry(Key key, Key counter) noexcept;

// A permutation of 0 .. n - 1, by the method of Fisher and Yates: each i takes a place among the first i + 1 that the
// next 32 bits of the stream name, and what was there comes to place i.
void permutation(const Table<float>& table, Key stream, std::uint32_t n, std::uint32_t* out) noexcept;

}  // namespace likeliest
