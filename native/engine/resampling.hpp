// What the kernels of augmentation take: an image read between its pixels, and a smooth field of displacements.
#pragma once
#include <cstddef>
#include <cstdint>

namespace likeliest {

// out[y, x] = the image at map (y, x, 1), plus the displacement of that place, by bilinear interpolation. Places begin
// at 0; sources are places of the padded image, whose first one is a pixel of the border.
template <class T>
struct Resampling {
  std::ptrdiff_t height, width, channels;
  const T* x;  // row after row
  T* padded;   // room for (height + 3) (width + 3) channels numbers
  bool edge;   // whether what is outside is the nearest pixel, else `fill`
  T fill;
  T map[2][3];
  const T *rows, *columns;  // displacements, rows of whole registers; null: none
  T* out;                   // row after row
};

// A field of numbers uniform on (-1, 1), for rows and for columns, smoothed along rows and along columns.
template <class T>
struct Displacement {
  std::ptrdiff_t height, width;
  std::uint32_t key0, key1, example;
  std::ptrdiff_t radius;
  const T *down, *across;  // 2 radius + 1 weights each; `down` is null for a series, which has one row
  T *field, *line;         // room for 2 height width + 64 and for 2 radius + width + 64 numbers
  T *rows, *columns;       // as above
  bool add;                // to what there is
};

}  // namespace likeliest
