// Where the windows of a convolution or a pool lie; see Window in kernels.hpp.
#pragma once
#include <algorithm>
#include <cstddef>
#include <vector>

#include "engine/kernels.hpp"

namespace likeliest {

// The runs of numbers that a window takes of the padded example, in the order of the rows of W.
inline std::vector<Segment> runs_of(const Window& w) {
  const std::ptrdiff_t each = w.c / w.groups;
  std::vector<Segment> found;
  std::int32_t row = 0;
  for (std::ptrdiff_t a = 0; a < w.size[0]; ++a)
    for (std::ptrdiff_t b = 0; b < w.size[1]; ++b)
      for (std::ptrdiff_t d = 0; d < w.size[2]; ++d, row += std::int32_t(each)) {
        const auto at = std::int32_t(w.place(a, b, d) * w.c);
        if (!found.empty() && w.groups == 1 && found.back().at + (found.back().end - found.back().begin) == at)
          found.back().end += std::int32_t(each);
        else
          found.push_back({row, row + std::int32_t(each), true, at});
      }
  return found;
}

// Copies an example into one with its padding around it, which is `fill`; and the other way, without the padding.
template <class T>
void pad(const Window& w, std::ptrdiff_t channels, const T* x, T* padded, T fill = T(0)) {
  std::fill_n(padded, w.padded_places() * channels, fill);
  for (std::ptrdiff_t a = 0; a < w.in[0]; ++a)
    for (std::ptrdiff_t b = 0; b < w.in[1]; ++b)
      std::copy_n(
          x + (a * w.in[1] + b) * w.in[2] * channels, w.in[2] * channels,
          padded + (((a + w.before[0]) * w.padded(1) + b + w.before[1]) * w.padded(2) + w.before[2]) * channels);
}
template <class T>
void crop(const Window& w, std::ptrdiff_t channels, const T* padded, T* x) {
  for (std::ptrdiff_t a = 0; a < w.in[0]; ++a)
    for (std::ptrdiff_t b = 0; b < w.in[1]; ++b)
      std::copy_n(padded + (((a + w.before[0]) * w.padded(1) + b + w.before[1]) * w.padded(2) + w.before[2]) * channels,
                  w.in[2] * channels, x + (a * w.in[1] + b) * w.in[2] * channels);
}

}  // namespace likeliest
