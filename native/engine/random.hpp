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

// A permutation of 0 .. n - 1: example i gets 32 bits of the stream, and the examples are sorted by them. `scratch` has
// room for 2 n numbers. Of several parts, each writes the examples whose bits are in its part of all bits, and all of
// them together write the whole.
void permutation(const Table<float>& table, Key stream, std::uint32_t n, std::uint32_t* out, std::uint64_t* scratch,
                 std::uint32_t part = 0, std::uint32_t parts = 1) noexcept;

}  // namespace likeliest
