// Where numbers stand: weights in panels, values in padded rows.
#pragma once
#include <cstddef>

namespace likeliest {

inline std::ptrdiff_t divide_up(std::ptrdiff_t a, std::ptrdiff_t b) { return (a + b - 1) / b; }
inline std::ptrdiff_t round_up(std::ptrdiff_t a, std::ptrdiff_t b) { return divide_up(a, b) * b; }

// A parameter: a weight (height x columns), or a bias (1 x columns), at `offset` in theta. See kernels.hpp on panels. A
// weight of few columns stands turned: the rows here are its columns.
struct Slice {
  std::ptrdiff_t offset, height, columns, lanes;
  bool turned = false;

  std::ptrdiff_t panel_width() const { return 2 * lanes; }
  std::ptrdiff_t panels() const { return divide_up(columns, panel_width()); }
  std::ptrdiff_t size() const { return height * round_up(columns, lanes); }
  std::ptrdiff_t width_of(std::ptrdiff_t panel) const {
    return columns - panel * panel_width() <= lanes ? lanes : panel_width();
  }
  // Where the number in row i, column j stands, from the beginning of the slice.
  std::ptrdiff_t index(std::ptrdiff_t i, std::ptrdiff_t j) const {
    const std::ptrdiff_t p = j / panel_width();
    return p * height * panel_width() + i * width_of(p) + j % panel_width();
  }
};

// The distance of two rows of a value: whole registers, and an odd number of cache lines, so that rows a power of two
// apart do not all fall into the same few sets of the cache.
template <class T>
std::ptrdiff_t row_stride(std::ptrdiff_t columns, std::ptrdiff_t lanes) {
  const std::ptrdiff_t line = std::ptrdiff_t(64 / sizeof(T));
  const std::ptrdiff_t lines = divide_up(round_up(columns, lanes), line);
  return (lines >= 16 && lines % 2 == 0 ? lines + 1 : lines) * line;
}

// Where shard s of the inputs begins: on a cache line, so that two threads never write to the same one.
template <class T>
std::ptrdiff_t shard_begin(std::ptrdiff_t inputs, std::ptrdiff_t shards, std::ptrdiff_t s) {
  const std::ptrdiff_t line = std::ptrdiff_t(64 / sizeof(T));
  return s == shards ? inputs : inputs * s / shards / line * line;
}

}  // namespace likeliest
