// max_pool and average_pool, and their chain rules. Padding never wins, and does not count.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/part.hpp"
#include "ops/relu.hpp"

namespace likeliest::LIKELIEST_ISA {

// The taps [begin, end) of window `at` of an axis that lie on the example, and where its tap 0 does.
struct Taps {
  std::ptrdiff_t begin, end, first;
  LIKELIEST_INLINE Taps(const Window& w, int axis, std::ptrdiff_t at) {
    first = at * w.stride[axis] - w.before[axis];
    begin = first < 0 ? -first : 0;
    end = first + w.size[axis] > w.in[axis] ? w.in[axis] - first : w.size[axis];
  }
};

// f(number of the tap in its window, place on the example) for every tap of a window.
template <class F>
LIKELIEST_INLINE void each_tap(const Window& w, const Taps& a, const Taps& b, const Taps& d, F&& f) {
  for (std::ptrdiff_t i = a.begin; i < a.end; ++i)
    for (std::ptrdiff_t j = b.begin; j < b.end; ++j)
      for (std::ptrdiff_t k = d.begin; k < d.end; ++k)
        f((i * w.size[1] + j) * w.size[2] + k, ((a.first + i) * w.in[1] + b.first + j) * w.in[2] + d.first + k);
}
// f(number of the window, its taps along each axis) for every window.
template <class F>
LIKELIEST_INLINE void each_window(const Window& w, F&& f) {
  std::ptrdiff_t number = 0;
  for (std::ptrdiff_t a = 0; a < w.out[0]; ++a) {
    const Taps ta(w, 0, a);
    for (std::ptrdiff_t b = 0; b < w.out[1]; ++b) {
      const Taps tb(w, 1, b);
      for (std::ptrdiff_t d = 0; d < w.out[2]; ++d) f(number++, ta, tb, Taps(w, 2, d));
    }
  }
}

template <class T>
void max_pool(const Pool<T>& p) noexcept {
  constexpr T lowest = T(-__builtin_inf());
  const Window& w = *p.window;
  each_window(w,
              [&](std::ptrdiff_t number, const Taps& a, const Taps& b, const Taps& d) __attribute__((always_inline)) {
                for (std::ptrdiff_t j = 0; j < w.c; j += kLanes<T>) {
                  Vector<T> best = broadcast(lowest), index{};
                  each_tap(w, a, b, d, [&](std::ptrdiff_t tap, std::ptrdiff_t place) __attribute__((always_inline)) {
                    const Vector<T> x = load(p.from + place * w.c + j);
                    const auto wins = (x > best) | (x != x);  // a NaN stays, since nothing is larger
                    best = wins ? x : best;
                    index = wins ? broadcast(T(tap)) : index;
                  });
                  store_first<T>(p.to + number * w.c + j, best, w.c - j);
                  if (p.index) store_first<T>(p.index + number * w.c + j, index, w.c - j);
                }
              });
}

template <class T>
void max_pool_back(const Pool<T>& p) noexcept {
  const Window& w = *p.window;
  bool apart = true, whole = true;  // no two windows share a place; every place is in one
  for (int axis = 0; axis < 3; ++axis) {
    apart = apart && w.stride[axis] >= w.size[axis];
    whole = whole && w.stride[axis] == w.size[axis] && w.before[axis] + w.after[axis] == 0 &&
            w.out[axis] * w.size[axis] == w.in[axis];
  }
  if (!apart || !whole)
    for (std::ptrdiff_t k = 0; k < w.places() * w.c; ++k) p.to[k] = T(0);
  each_window(w,
              [&](std::ptrdiff_t number, const Taps& a, const Taps& b, const Taps& d) __attribute__((always_inline)) {
                for (std::ptrdiff_t j = 0; j < w.c; j += kLanes<T>) {
                  const Vector<T> index = load(p.index + number * w.c + j);
                  Vector<T> g = load(p.from + number * w.c + j);
                  if (p.positive) g = Relu::chain<T>(g, load(p.positive + number * w.c + j));
                  each_tap(w, a, b, d, [&](std::ptrdiff_t tap, std::ptrdiff_t place) __attribute__((always_inline)) {
                    T* to = p.to + place * w.c + j;
                    const Vector<T> part = index == broadcast(T(tap)) ? g : Vector<T>{};
                    store_first<T>(to, apart ? part : load(to) + part, w.c - j);
                  });
                }
              });
}

template <class T>
void average_pool(const Pool<T>& p) noexcept {
  const Window& w = *p.window;
  each_window(w,
              [&](std::ptrdiff_t number, const Taps& a, const Taps& b, const Taps& d) __attribute__((always_inline)) {
                const T count = T((a.end - a.begin) * (b.end - b.begin) * (d.end - d.begin));
                for (std::ptrdiff_t j = 0; j < w.c; j += kLanes<T>) {
                  Vector<T> total{};
                  each_tap(w, a, b, d, [&](std::ptrdiff_t, std::ptrdiff_t place) __attribute__((always_inline)) {
                    total += load(p.from + place * w.c + j);
                  });
                  store_first<T>(p.to + number * w.c + j, total / count, w.c - j);
                }
              });
}

template <class T>
void average_pool_back(const Pool<T>& p) noexcept {
  const Window& w = *p.window;
  for (std::ptrdiff_t k = 0; k < w.places() * w.c; ++k) p.to[k] = T(0);
  each_window(w,
              [&](std::ptrdiff_t number, const Taps& a, const Taps& b, const Taps& d) __attribute__((always_inline)) {
                const T count = T((a.end - a.begin) * (b.end - b.begin) * (d.end - d.begin));
                for (std::ptrdiff_t j = 0; j < w.c; j += kLanes<T>) {
                  const Vector<T> part = load(p.from + number * w.c + j) / count;
                  each_tap(w, a, b, d, [&](std::ptrdiff_t, std::ptrdiff_t place) __attribute__((always_inline)) {
                    T* to = p.to + place * w.c + j;
                    store_first<T>(to, load(to) + part, w.c - j);
                  });
                }
              });
}

}  // namespace likeliest::LIKELIEST_ISA
