// Convolutions with fewer multiplications: minimal filtering along the last axis of space (Winograd 1980; Lavin and
// Gray 2016, https://arxiv.org/abs/1509.09308).
//
// Six places d of a row hold m outputs of a kernel of r taps, m + r - 1 = 6. As products of polynomials they are
//     y = A^T [(G w) o (B^T d)],
// with the values of both at the points 0, 1, -1, 2, -2 and infinity: 6 multiplications where there were m r (12 of
// three taps, 10 of five). The other axes and the channels are summed between the two, so that each point has a
// convolution of its own, over what stands at this point in all tiles of all rows: the one that is there already.
// The chain rule is that of the three linear maps: dd = B [...], dw = G^T [...], with A g for the gradient of y.
#pragma once
#include <vector>

#include "engine/layout.hpp"
#include "engine/window.hpp"

namespace likeliest {

inline constexpr std::ptrdiff_t kPoints = 6;
inline constexpr double kPoint[kPoints - 1] = {0, 1, -1, 2, -2};
// What the first row of G has at each point, so that B is of whole numbers.
inline constexpr double kPointScale[kPoints] = {1.0 / 4, -1.0 / 6, -1.0 / 6, 1.0 / 24, 1.0 / 24, 1};

// G: what tap t is multiplied by at point p, of r taps.
inline double tap_at_point(std::ptrdiff_t p, std::ptrdiff_t t, std::ptrdiff_t r) {
  if (p == kPoints - 1) return t == r - 1 ? kPointScale[p] : 0;
  double power = kPointScale[p];
  for (std::ptrdiff_t i = 0; i < t; ++i) power *= kPoint[p];
  return power;
}

struct Filtering {
  std::ptrdiff_t outputs = 0, tiles = 0;  // m and how many tiles a row has; 0: this convolution is not filtered so
  std::ptrdiff_t planes = 0, rows = 0;    // of the padded example, that windows which matter lie on
  Window point;                           // the convolution of each point, over rows of all tiles
  std::vector<Segment> runs;              // of it

  Filtering() = default;
  // Whether it is worth it depends on the shapes only, so that the bits do not depend on the threads.
  Filtering(const Window& w, std::ptrdiff_t lanes) {
    const std::ptrdiff_t taps = w.size[2];
    bool plain = w.groups == 1 && w.c % lanes == 0 && w.q % lanes == 0 && (taps == 3 || taps == 5);
    for (int axis = 0; axis < 3; ++axis) plain = plain && w.stride[axis] == 1 && w.dilation[axis] == 1;
    if (!plain || w.size[0] * w.size[1] * w.c < 32) return;
    const std::ptrdiff_t m = kPoints + 1 - taps, count = divide_up(w.used[2], m);
    if (10 * w.used[2] * taps < 13 * count * kPoints) return;
    outputs = m, tiles = count;
    planes = w.used[0] + w.size[0] - 1, rows = w.used[1] + w.size[1] - 1;
    point.c = w.c, point.q = w.q;
    point.in[1] = planes, point.in[2] = rows * tiles;
    point.size[1] = w.size[0], point.size[2] = w.size[1];
    point.out[1] = point.used[1] = w.used[0], point.out[2] = point.used[2] = w.used[1] * tiles;
    point.dilation[2] = tiles;
    runs = runs_of(point);
  }
  explicit operator bool() const { return outputs > 0; }
  // How many numbers each point has, on the large side and on the small one.
  std::ptrdiff_t large() const { return point.places() * point.c; }
  std::ptrdiff_t small() const { return point.windows() * point.q; }
  std::ptrdiff_t weights() const { return point.taps() * point.c * point.q; }
};

}  // namespace likeliest
