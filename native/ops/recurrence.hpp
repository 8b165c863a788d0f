// One step of a recurrence, between the products: from what the gates take to the state, and its chain rule.
//
// The gates of a row stand one after the other, q numbers each. Where q is no multiple of a register, the last one of a
// gate reads into the next gate, and writes its own numbers only.
#pragma once
#include "engine/kernels.hpp"
#include "kernels/mathematics.hpp"
#include "kernels/part.hpp"
#include "ops/relu.hpp"

namespace likeliest::LIKELIEST_ISA {

// h to the state, to what U will take, and to the output.
template <class T>
LIKELIEST_INLINE void hand_on(const Cell<T>& s, std::ptrdiff_t i, std::ptrdiff_t j, std::ptrdiff_t count, Vector<T> h) {
  store_first(s.after + i * s.ld + j, h, count);
  if (s.held) store_first(s.held + i * s.ld + j, h * load(s.keep + i * s.ld_keep + j), count);
  if (s.out) store_first(s.out + i * s.ld_out + j, h, count);
}
// The gradient of h: from the steps after this one, and from the output.
template <class T>
LIKELIEST_INLINE Vector<T> arriving(const Cell<T>& s, std::ptrdiff_t i, std::ptrdiff_t j) {
  const Vector<T> g = load(s.dh + i * s.ld + j);
  return s.g ? g + load(s.g + i * s.ld_g + j) : g;
}

// z becomes i, f, a, o:  c = f c' + i a,  h = o tanh c.
template <class T>
void lstm(const Cell<T>& s) noexcept {
  const std::ptrdiff_t q = s.q;
  for (std::ptrdiff_t n = 0; n < s.rows; ++n) {
    T* z = s.z + n * s.ldz;
    for (std::ptrdiff_t j = 0; j < q; j += kLanes<T>, z += kLanes<T>) {
      const std::ptrdiff_t count = q - j;
      const Vector<T> i = logistic<T>(load(z)), f = logistic<T>(load(z + q));
      const Vector<T> a = tanh<T>(load(z + 2 * q)), o = logistic<T>(load(z + 3 * q));
      const Vector<T> c = f * load(s.c_before + n * s.ld + j) + i * a, tanh_c = tanh<T>(c);
      store_first(s.c + n * s.ld + j, c, count);
      if (s.keeps) {
        store_first(z, i, count), store_first(z + q, f, count), store_first(z + 2 * q, a, count);
        store_first(z + 3 * q, o, count), store_first(s.tanh_c + n * s.ld + j, tanh_c, count);
      }
      hand_on(s, n, j, count, o * tanh_c);
    }
  }
}

template <class T>
void lstm_back(const Cell<T>& s) noexcept {
  const std::ptrdiff_t q = s.q;
  for (std::ptrdiff_t n = 0; n < s.rows; ++n) {
    T* z = s.z + n * s.ldz;
    for (std::ptrdiff_t j = 0; j < q; j += kLanes<T>, z += kLanes<T>) {
      const std::ptrdiff_t count = q - j;
      const Vector<T> i = load(z), f = load(z + q), a = load(z + 2 * q), o = load(z + 3 * q);
      const Vector<T> tanh_c = load(s.tanh_c + n * s.ld + j), g = arriving(s, n, j);
      T* dc = s.dc + n * s.ld + j;
      const Vector<T> g_c = load(dc) + g * o * ((T(1) - tanh_c) * (T(1) + tanh_c));
      store_first(z, g_c * a * (i * (T(1) - i)), count);
      store_first(z + q, g_c * load(s.c_before + n * s.ld + j) * (f * (T(1) - f)), count);
      store_first(z + 2 * q, g_c * i * ((T(1) - a) * (T(1) + a)), count);
      store_first(z + 3 * q, g * tanh_c * (o * (T(1) - o)), count);
      store_first(dc, g_c * f, count);
    }
  }
}

// The same in two parts: c, of which a norm goes to tanh_c, and h.
template <class T>
void lstm_gates(const Cell<T>& s) noexcept {
  const std::ptrdiff_t q = s.q;
  for (std::ptrdiff_t n = 0; n < s.rows; ++n) {
    T* z = s.z + n * s.ldz;
    for (std::ptrdiff_t j = 0; j < q; j += kLanes<T>, z += kLanes<T>) {
      const std::ptrdiff_t count = q - j;
      const Vector<T> i = logistic<T>(load(z)), f = logistic<T>(load(z + q));
      const Vector<T> a = tanh<T>(load(z + 2 * q)), o = logistic<T>(load(z + 3 * q));
      store_first(s.c + n * s.ld + j, f * load(s.c_before + n * s.ld + j) + i * a, count);
      store_first(z, i, count), store_first(z + q, f, count), store_first(z + 2 * q, a, count);
      store_first(z + 3 * q, o, count);
    }
  }
}

template <class T>
void lstm_output(const Cell<T>& s) noexcept {
  for (std::ptrdiff_t n = 0; n < s.rows; ++n)
    for (std::ptrdiff_t j = 0; j < s.q; j += kLanes<T>) {
      T* normalized = s.tanh_c + n * s.ld + j;
      const Vector<T> tanh_c = tanh<T>(load(normalized));
      store_first(normalized, tanh_c, s.q - j);
      hand_on(s, n, j, s.q - j, load(s.z + n * s.ldz + 3 * s.q + j) * tanh_c);
    }
}

// To o, and to what tanh was taken of.
template <class T>
void lstm_output_back(const Cell<T>& s) noexcept {
  for (std::ptrdiff_t n = 0; n < s.rows; ++n)
    for (std::ptrdiff_t j = 0; j < s.q; j += kLanes<T>) {
      T *to_o = s.z + n * s.ldz + 3 * s.q + j, *to_tanh = s.tanh_c + n * s.ld + j;
      const Vector<T> o = load(to_o), tanh_c = load(to_tanh), g = arriving(s, n, j);
      store_first(to_o, g * tanh_c * (o * (T(1) - o)), s.q - j);
      store_first(to_tanh, g * o * ((T(1) - tanh_c) * (T(1) + tanh_c)), s.q - j);
    }
}

// With what comes to c through the norm in `back`.
template <class T>
void lstm_gates_back(const Cell<T>& s) noexcept {
  const std::ptrdiff_t q = s.q;
  for (std::ptrdiff_t n = 0; n < s.rows; ++n) {
    T* z = s.z + n * s.ldz;
    for (std::ptrdiff_t j = 0; j < q; j += kLanes<T>, z += kLanes<T>) {
      const std::ptrdiff_t count = q - j;
      const Vector<T> i = load(z), f = load(z + q), a = load(z + 2 * q);
      T* dc = s.dc + n * s.ld + j;
      const Vector<T> g_c = load(dc) + load(s.back + n * s.ld + j);
      store_first(z, g_c * a * (i * (T(1) - i)), count);
      store_first(z + q, g_c * load(s.c_before + n * s.ld + j) * (f * (T(1) - f)), count);
      store_first(z + 2 * q, g_c * i * ((T(1) - a) * (T(1) + a)), count);
      store_first(dc, g_c * f, count);
    }
  }
}

// z and v become r, u and n of z, and what n has of the state remains in v:  n = tanh(z + r v),  h = (1 - u) n + u h'.
template <class T>
void gru(const Cell<T>& s) noexcept {
  const std::ptrdiff_t q = s.q;
  for (std::ptrdiff_t i = 0; i < s.rows; ++i) {
    T* z = s.z + i * s.ldz;
    const T* v = s.v + i * s.ldz;
    for (std::ptrdiff_t j = 0; j < q; j += kLanes<T>, z += kLanes<T>, v += kLanes<T>) {
      const std::ptrdiff_t count = q - j;
      const Vector<T> r = logistic<T>(load(z) + load(v)), u = logistic<T>(load(z + q) + load(v + q));
      const Vector<T> n = tanh<T>(load(z + 2 * q) + r * load(v + 2 * q)), h = load(s.before + i * s.ld + j);
      if (s.keeps) store_first(z, r, count), store_first(z + q, u, count), store_first(z + 2 * q, n, count);
      hand_on(s, i, j, count, (T(1) - u) * n + u * h);
    }
  }
}

template <class T>
void gru_back(const Cell<T>& s) noexcept {
  const std::ptrdiff_t q = s.q;
  for (std::ptrdiff_t i = 0; i < s.rows; ++i) {
    T *z = s.z + i * s.ldz, *v = s.v + i * s.ldz;
    for (std::ptrdiff_t j = 0; j < q; j += kLanes<T>, z += kLanes<T>, v += kLanes<T>) {
      const std::ptrdiff_t count = q - j;
      const Vector<T> r = load(z), u = load(z + q), n = load(z + 2 * q), g = arriving(s, i, j);
      const Vector<T> d_n = g * (T(1) - u) * ((T(1) - n) * (T(1) + n));
      const Vector<T> d_r = d_n * load(v + 2 * q) * (r * (T(1) - r));
      const Vector<T> d_u = g * (load(s.before + i * s.ld + j) - n) * (u * (T(1) - u));
      store_first(z, d_r, count), store_first(z + q, d_u, count), store_first(z + 2 * q, d_n, count);
      store_first(v, d_r, count), store_first(v + q, d_u, count), store_first(v + 2 * q, d_n * r, count);
      store_first(s.dh + i * s.ld + j, g * u, count);
    }
  }
}

// With the reset before the product: r and u, and r h; then n = tanh(z + v) of (r h) U in v, and h.
template <class T>
void gru_reset(const Cell<T>& s) noexcept {
  const std::ptrdiff_t q = s.q;
  for (std::ptrdiff_t i = 0; i < s.rows; ++i) {
    T* z = s.z + i * s.ldz;
    const T* v = s.v + i * s.ldz;
    for (std::ptrdiff_t j = 0; j < q; j += kLanes<T>, z += kLanes<T>, v += kLanes<T>) {
      const Vector<T> r = logistic<T>(load(z) + load(v) + load(s.bias + j));
      const Vector<T> u = logistic<T>(load(z + q) + load(v + q) + load(s.bias + q + j));
      store_first(z, r, q - j), store_first(z + q, u, q - j);
      store_first(s.reset + i * s.ld + j, r * load(s.into + i * s.ld + j), q - j);
    }
  }
}

template <class T>
void gru_candidate(const Cell<T>& s) noexcept {
  const std::ptrdiff_t q = s.q;
  for (std::ptrdiff_t i = 0; i < s.rows; ++i)
    for (std::ptrdiff_t j = 0; j < q; j += kLanes<T>) {
      T* z = s.z + i * s.ldz + j;
      const Vector<T> u = load(z + q), h = load(s.before + i * s.ld + j);
      const Vector<T> n = tanh<T>(load(z + 2 * q) + load(s.v + i * s.ldz + 2 * q + j) + load(s.bias + 2 * q + j));
      store_first(z + 2 * q, n, q - j);
      hand_on(s, i, j, q - j, (T(1) - u) * n + u * h);
    }
}

template <class T>
void gru_candidate_back(const Cell<T>& s) noexcept {
  const std::ptrdiff_t q = s.q;
  for (std::ptrdiff_t i = 0; i < s.rows; ++i)
    for (std::ptrdiff_t j = 0; j < q; j += kLanes<T>) {
      T* z = s.z + i * s.ldz + j;
      const Vector<T> u = load(z + q), n = load(z + 2 * q), g = arriving(s, i, j);
      store_first(z + 2 * q, g * (T(1) - u) * ((T(1) - n) * (T(1) + n)), q - j);
      store_first(z + q, g * (load(s.before + i * s.ld + j) - n) * (u * (T(1) - u)), q - j);
      store_first(s.dh + i * s.ld + j, g * u, q - j);
    }
}

// From r h, in `back`, to r, and to h as it goes into U.
template <class T>
void gru_reset_back(const Cell<T>& s) noexcept {
  for (std::ptrdiff_t i = 0; i < s.rows; ++i)
    for (std::ptrdiff_t j = 0; j < s.q; j += kLanes<T>) {
      T *z = s.z + i * s.ldz + j, *back = s.back + i * s.ld + j;
      const Vector<T> r = load(z), g = load(back);
      store_first(z, g * load(s.into + i * s.ld + j) * (r * (T(1) - r)), s.q - j);
      store_first(back, g * r, s.q - j);
    }
}

// h = tanh z, or max(z, 0), which stays in z.
template <class T>
void rnn(const Cell<T>& s) noexcept {
  for (std::ptrdiff_t i = 0; i < s.rows; ++i)
    for (std::ptrdiff_t j = 0; j < s.q; j += kLanes<T>) {
      T* z = s.z + i * s.ldz + j;
      const Vector<T> x = load(z), h = s.relu ? Relu::of(x) : tanh<T>(x);
      if (s.keeps) store_first(z, h, s.q - j);
      hand_on(s, i, j, s.q - j, h);
    }
}

template <class T>
void rnn_back(const Cell<T>& s) noexcept {
  for (std::ptrdiff_t i = 0; i < s.rows; ++i)
    for (std::ptrdiff_t j = 0; j < s.q; j += kLanes<T>) {
      T* z = s.z + i * s.ldz + j;
      const Vector<T> h = load(z), g = arriving(s, i, j);
      store_first(z, s.relu ? Relu::chain<T>(g, h) : g * ((T(1) - h) * (T(1) + h)), s.q - j);
    }
}

}  // namespace likeliest::LIKELIEST_ISA
