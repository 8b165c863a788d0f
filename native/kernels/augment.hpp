// Augmentation: the displacements of an elastic distortion, and an image resampled.
#pragma once
#include "engine/resampling.hpp"
#include "kernels/part.hpp"
#include "kernels/random.hpp"

namespace likeliest::LIKELIEST_ISA {

// Words as numbers uniform on (-1, 1), to room for kWords of them.
template <class T>
LIKELIEST_INLINE void store_uniform(T* to, Words words) {
  if constexpr (sizeof(T) == 4) {
    store(to, __builtin_convertvector(Integers<float>(words), Vector<float>) * 0x1p-31f);
  } else {
    for (std::ptrdiff_t n = 0; n < kWords; ++n) to[n] = T(std::int32_t(words[n])) * T(0x1p-31);
  }
}

// to[j] = sum_k weights[k] from[k step + j], for one register or two.
template <class T, int N>
LIKELIEST_INLINE void smooth(const T* from, std::ptrdiff_t step, const T* weights, std::ptrdiff_t count, T* to,
                             bool add) {
  Vector<T> total[N] = {};
  if (add)
    for (int n = 0; n < N; ++n) total[n] = load(to + n * kLanes<T>);
  for (std::ptrdiff_t k = 0; k < count; ++k)
    for (int n = 0; n < N; ++n) total[n] += weights[k] * load(from + k * step + n * kLanes<T>);
  for (int n = 0; n < N; ++n) store(to + n * kLanes<T>, total[n]);
}
template <class T>
LIKELIEST_INLINE void smooth_row(const T* from, std::ptrdiff_t step, const T* weights, std::ptrdiff_t count,
                                 std::ptrdiff_t width, T* to, bool add) {
  std::ptrdiff_t j = 0;
  for (; j + kLanes<T> < width; j += 2 * kLanes<T>) smooth<T, 2>(from + j, step, weights, count, to + j, add);
  if (j < width) smooth<T, 1>(from + j, step, weights, count, to + j, add);
}

template <class T>
void displace(const Displacement<T>& d) noexcept {
  const std::ptrdiff_t H = d.height, W = d.width, r = d.radius, pitch = (W + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
  T *const field[2] = {d.field, d.field + H * W + 64}, *const out[2] = {d.rows, d.columns};
  words_of_row(d.key0, d.key1, d.example, 2 * H * W,
               [&](std::ptrdiff_t j, std::ptrdiff_t, std::ptrdiff_t, Words x0, Words x1) {
                 store_uniform(field[0] + j, x0);
                 store_uniform(field[1] + j, x1);
               });
  for (std::ptrdiff_t j = 0; j < r; ++j) d.line[j] = T(0);
  for (int which = d.down ? 0 : 1; which < 2; ++which)
    for (std::ptrdiff_t y = 0; y < H; ++y) {
      // Outside of the field is 0: the weights that would fall there are left out.
      const std::ptrdiff_t first = y < r ? r - y : 0, last = H - y <= r ? H - y + r : 2 * r + 1;
      if (d.down)
        smooth_row(field[which] + (y + first - r) * W, W, d.down + first, last - first, W, d.line + r, false);
      else
        for (std::ptrdiff_t j = 0; j < W; ++j) d.line[r + j] = field[which][j];
      for (std::ptrdiff_t j = W; j < W + r + kLanes<T>; ++j) d.line[r + j] = T(0);
      smooth_row(d.line, 1, d.across, 2 * r + 1, W, out[which] + y * pitch, d.add);
    }
}

template <class T>
void resample(const Resampling<T>& s) noexcept {
  const std::ptrdiff_t H = s.height, W = s.width, c = s.channels, line = (W + 3) * c;
  const std::ptrdiff_t pitch = (W + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
  const T fill = s.edge ? T(0) : s.fill;
  T* to = s.padded;
  for (std::ptrdiff_t j = 0; j < line; ++j) *to++ = fill;
  for (std::ptrdiff_t y = 0; y < H; ++y) {
    for (std::ptrdiff_t j = 0; j < c; ++j) *to++ = fill;
    for (std::ptrdiff_t j = 0; j < W * c; ++j) to[j] = s.x[y * W * c + j];
    to += W * c;
    for (std::ptrdiff_t j = 0; j < 2 * c; ++j) *to++ = fill;
  }
  for (std::ptrdiff_t j = 0; j < 2 * line; ++j) *to++ = fill;
  Vector<T> lane;
  for (int n = 0; n < kLanes<T>; ++n) lane[n] = T(n);
  const T low = s.edge ? T(1) : T(0);
  const Vector<T> least = broadcast(low), most[2] = {broadcast(T(H + 1) - low), broadcast(T(W + 1) - low)};
  for (std::ptrdiff_t y = 0; y < H; ++y)
    for (std::ptrdiff_t x = 0; x < W; x += kLanes<T>) {
      const std::ptrdiff_t count = W - x < kLanes<T> ? W - x : kLanes<T>;
      const Vector<T> place = lane + T(x);
      Vector<T> source[2], rest[2];
      Integers<T> whole[2];
      for (int axis = 0; axis < 2; ++axis) {
        const T* const displacement = axis == 0 ? s.rows : s.columns;
        Vector<T> v = place * s.map[axis][1] + (s.map[axis][0] * T(y) + s.map[axis][2]);
        if (displacement) v += load(displacement + y * pitch + x);
        v = v > least ? v : least;  // in this way round, a NaN becomes a place that exists
        source[axis] = v < most[axis] ? v : most[axis];
        whole[axis] = __builtin_convertvector(source[axis], Integers<T>);
        rest[axis] = source[axis] - __builtin_convertvector(whole[axis], Vector<T>);
      }
      const Integers<T> at = (whole[0] * std::int32_t(W + 3) + whole[1]) * std::int32_t(c);
      if (c == 1) {
        Vector<T> a{}, b{}, p{}, q{};  // the corners: a b above, p q below
        for (int n = 0; n < kLanes<T>; ++n) {
          const T* first = s.padded + at[n];
          a[n] = first[0], b[n] = first[1], p[n] = first[line], q[n] = first[line + 1];
        }
        const Vector<T> top = a + rest[1] * (b - a), bottom = p + rest[1] * (q - p);
        store_first<T>(s.out + y * W + x, top + rest[0] * (bottom - top), count);
        continue;
      }
      for (std::ptrdiff_t n = 0; n < count; ++n) {
        const T *p = s.padded + at[n], *q = p + line;
        const T down = rest[0][n], across = rest[1][n];
        T* out = s.out + (y * W + x + n) * c;
        for (std::ptrdiff_t k = 0; k < c; ++k) {
          const T top = p[k] + across * (p[c + k] - p[k]), bottom = q[k] + across * (q[c + k] - q[k]);
          out[k] = top + down * (bottom - top);
        }
      }
    }
}

}  // namespace likeliest::LIKELIEST_ISA
