// One register of numbers, on the compiler's vector extensions: the same source for every instruction set.
//
// Everything in kernels/, ops/, likelihoods/ and optimizers/ is compiled once per instruction set, inside a namespace
// of that set's name, and only table.cpp includes it. Nothing here may use an inline function or template of the
// standard library: the linker keeps one copy of those, and it might keep the one that only the newest processors can
// run.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>  // types only
#include <utility>      // std::index_sequence, a type only

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define LIKELIEST_INLINE inline __attribute__((always_inline))

namespace likeliest::LIKELIEST_ISA {

#if defined(__AVX512F__)
inline constexpr int kBytes = 64, kTileRows = 14;  // 14 x 2 sums + 2 of B + 1 of A in 32 registers
#elif defined(__AVX2__)
inline constexpr int kBytes = 32, kTileRows = 6;  // 6 x 2 sums + 2 of B + 1 of A in 16 registers
#elif defined(__aarch64__)
inline constexpr int kBytes = 16, kTileRows = 12;
#else
inline constexpr int kBytes = 16, kTileRows = 6;
#endif

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(kBytes)));
  typedef float unaligned __attribute__((vector_size(kBytes), aligned(4), may_alias));
  typedef std::int32_t integers __attribute__((vector_size(kBytes)));
};
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(kBytes)));
  typedef double unaligned __attribute__((vector_size(kBytes), aligned(8), may_alias));
  typedef std::int64_t integers __attribute__((vector_size(kBytes)));
};
template <class T>
using Vector = typename VectorOf<T>::type;
template <class T>
using Integers = typename VectorOf<T>::integers;
template <class T>
inline constexpr int kLanes = kBytes / int(sizeof(T));

template <class T>
LIKELIEST_INLINE Vector<T> load(const T* p) {
  return *reinterpret_cast<const typename VectorOf<T>::unaligned*>(p);
}
template <class T>
LIKELIEST_INLINE void store(T* p, Vector<T> v) {
  *reinterpret_cast<typename VectorOf<T>::unaligned*>(p) = v;
}
// Half a register, for what little stands in the last one of a row: where registers are computed in two halves, as many
// processors do with 64 bytes, it takes half the time. Elsewhere there is none.
inline constexpr bool kHalves = kBytes == 64;
template <class T>
struct HalfOf {
  typedef T type __attribute__((vector_size(kBytes / 2)));
  typedef T unaligned __attribute__((vector_size(kBytes / 2), aligned(sizeof(T)), may_alias));
};
template <class T>
using Half = typename HalfOf<T>::type;
template <class T>
LIKELIEST_INLINE Half<T> load_half(const T* p) {
  return *reinterpret_cast<const typename HalfOf<T>::unaligned*>(p);
}
template <class T>
LIKELIEST_INLINE void store(T* p, Half<T> v) {
  *reinterpret_cast<typename HalfOf<T>::unaligned*>(p) = v;
}

// A register whose upper half is 0; and the halves of one.
template <class T, int... L>
LIKELIEST_INLINE Vector<T> widen(Half<T> v, std::integer_sequence<int, L...>) {
  return __builtin_shufflevector(v, Half<T>{}, L...);
}
template <class T>
LIKELIEST_INLINE Vector<T> widen(Half<T> v) {
  return widen<T>(v, std::make_integer_sequence<int, kLanes<T>>());
}
template <class T, int FIRST, int... L>
LIKELIEST_INLINE Half<T> half_of(Vector<T> v, std::integer_sequence<int, L...>) {
  return __builtin_shufflevector(v, v, (FIRST + L)...);
}
template <class T>
LIKELIEST_INLINE Half<T> lower_half(Vector<T> v) {
  return half_of<T, 0>(v, std::make_integer_sequence<int, kLanes<T> / 2>());
}
template <class T>
LIKELIEST_INLINE Half<T> upper_half(Vector<T> v) {
  return half_of<T, kLanes<T> / 2>(v, std::make_integer_sequence<int, kLanes<T> / 2>());
}
// Two halves in memory as one register; the second comes with its load.
template <class T, int... L>
LIKELIEST_INLINE Vector<T> load_halves(const T* lower, const T* upper, std::integer_sequence<int, L...>) {
  return __builtin_shufflevector(load_half(lower), load_half(upper), L...);
}
template <class T>
LIKELIEST_INLINE Vector<T> load_halves(const T* lower, const T* upper) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return Vector<T>(
        _mm512_maskz_insertf32x8(__mmask16(-1), __m512(widen<T>(load_half(lower))), _mm256_loadu_ps(upper), 1));
  else
    return Vector<T>(
        _mm512_maskz_insertf64x4(__mmask8(-1), __m512d(widen<T>(load_half(lower))), _mm256_loadu_pd(upper), 1));
#else
  return load_halves<T>(lower, upper, std::make_integer_sequence<int, kLanes<T>>());
#endif
}

template <class T>
LIKELIEST_INLINE Vector<T> broadcast(T x) {
  return x - Vector<T>{};
}

// Into how few numbers, repeated again and again, a register can be filled from memory as soon as with one: 2, or up to
// 4; 0 where that is not so, or where a register has too few lanes to make use of it.
template <class T>
inline constexpr int kRepeats = kBytes == 64                     ? int(16 / sizeof(T))
                                : kBytes == 32 && sizeof(T) == 4 ? 2
                                                                 : 0;
template <class T, int P>
LIKELIEST_INLINE Vector<T> repeat(const T* p) {
  static_assert(P * sizeof(T) == 8 || (P * sizeof(T) == 16 && kBytes == 64));
  if constexpr (P * sizeof(T) == 8) {
    typedef std::int64_t bits __attribute__((vector_size(kBytes)));
    typedef std::int64_t unaligned __attribute__((aligned(sizeof(T)), may_alias));
    return Vector<T>(bits{} + *reinterpret_cast<const unaligned*>(p));
  }
#if defined(__AVX512F__)
  else if constexpr (sizeof(T) == 4) {
    return Vector<T>(_mm512_maskz_broadcast_f32x4(__mmask16(-1), _mm_loadu_ps(p)));
  } else {
    return Vector<T>(_mm512_maskz_broadcast_f64x2(__mmask8(-1), _mm_loadu_pd(p)));
  }
#endif
}

// from[0], from[stride], ...: lane by lane in registers, since a register cannot be loaded from what several stores
// left.
template <class T, int... I>
LIKELIEST_INLINE Vector<T> load_lanes(const T* from, std::ptrdiff_t stride, std::integer_sequence<int, I...>) {
  return Vector<T>{from[I * stride]...};
}
template <class T>
LIKELIEST_INLINE Vector<T> load_lanes(const T* from, std::ptrdiff_t stride) {
  return load_lanes<T>(from, stride, std::make_integer_sequence<int, kLanes<T>>());
}

// The first N numbers at p, and zeros behind them. Nothing else is read.
template <class T, int N>
LIKELIEST_INLINE Vector<T> load_first(const T* p) {
  if constexpr (N == kLanes<T>) return load(p);
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return Vector<T>(_mm512_maskz_loadu_ps(__mmask16((1 << N) - 1), p));
  else
    return Vector<T>(_mm512_maskz_loadu_pd(__mmask8((1 << N) - 1), p));
#else
  return load_lanes<T>(p, 1, std::make_integer_sequence<int, N>());
#endif
}

// Which lanes are among the first `count`.
template <class T, int... I>
LIKELIEST_INLINE Integers<T> lanes_before(std::ptrdiff_t count, std::integer_sequence<int, I...>) {
  using Number = std::remove_reference_t<decltype(Integers<T>{}[0])>;
  return Integers<T>{I...} < Number(count < kLanes<T> ? count : kLanes<T>);
}
template <class T>
LIKELIEST_INLINE Integers<T> lanes_before(std::ptrdiff_t count) {
  return lanes_before<T>(count, std::make_integer_sequence<int, kLanes<T>>());
}
// The numbers at p of some lanes, and zeros in the others. Nothing else is read.
#if defined(__AVX512F__)
LIKELIEST_INLINE Vector<float> load_where(Integers<float> lanes, const float* p) {
  return Vector<float>(_mm512_maskz_loadu_ps(_mm512_movepi32_mask(__m512i(lanes)), p));
}
LIKELIEST_INLINE Vector<double> load_where(Integers<double> lanes, const double* p) {
  return Vector<double>(_mm512_maskz_loadu_pd(_mm512_movepi64_mask(__m512i(lanes)), p));
}
#elif defined(__AVX2__)
LIKELIEST_INLINE Vector<float> load_where(Integers<float> lanes, const float* p) {
  return Vector<float>(_mm256_maskload_ps(p, __m256i(lanes)));
}
LIKELIEST_INLINE Vector<double> load_where(Integers<double> lanes, const double* p) {
  return Vector<double>(_mm256_maskload_pd(p, __m256i(lanes)));
}
#endif

// The first `count` lanes of a register, and zeros behind them.
template <class T>
LIKELIEST_INLINE Vector<T> first_lanes(Vector<T> v, std::ptrdiff_t count) {
  return lanes_before<T>(count) ? v : Vector<T>{};
}

// The lanes of a number: a sum from lane 0 up, so that it never depends on how the compiler pairs them.
template <class T>
LIKELIEST_INLINE T sum_of_lanes(Vector<T> v) {
  T total = v[0];
  for (int i = 1; i < kLanes<T>; ++i) total += v[i];
  return total;
}

// With AVX-512 the masked form, mask full: what the other one is made of in GCC 12's header warns.
LIKELIEST_INLINE Vector<float> square_root(Vector<float> v) {
#if defined(__AVX512F__)
  return Vector<float>(_mm512_maskz_sqrt_ps(__mmask16(-1), __m512(v)));
#elif defined(__AVX2__)
  return Vector<float>(_mm256_sqrt_ps(__m256(v)));
#elif defined(__x86_64__)
  return Vector<float>(_mm_sqrt_ps(__m128(v)));
#elif defined(__aarch64__)
  return Vector<float>(vsqrtq_f32(float32x4_t(v)));
#else
  for (int i = 0; i < kLanes<float>; ++i) v[i] = __builtin_sqrtf(v[i]);
  return v;
#endif
}
LIKELIEST_INLINE Vector<double> square_root(Vector<double> v) {
#if defined(__AVX512F__)
  return Vector<double>(_mm512_maskz_sqrt_pd(__mmask8(-1), __m512d(v)));
#elif defined(__AVX2__)
  return Vector<double>(_mm256_sqrt_pd(__m256d(v)));
#elif defined(__x86_64__)
  return Vector<double>(_mm_sqrt_pd(__m128d(v)));
#elif defined(__aarch64__)
  return Vector<double>(vsqrtq_f64(float64x2_t(v)));
#else
  for (int i = 0; i < kLanes<double>; ++i) v[i] = __builtin_sqrt(v[i]);
  return v;
#endif
}

// x, or `low` where that is more. A NaN passes, as below.
template <class V>
LIKELIEST_INLINE V at_least(V x, V low) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<V, Vector<float>>)
    return V(_mm512_maskz_max_ps(__mmask16(-1), __m512(low), __m512(x)));
  else
    return V(_mm512_maskz_max_pd(__mmask8(-1), __m512d(low), __m512d(x)));
#else
  return x < low ? low : x;
#endif
}
// x, cut off at both ends. A NaN passes: the processor's operations give the second of two numbers where one is NaN,
// and a comparison is false. The compiler makes two operations of a choice; the masked form as in square_root.
template <class V>
LIKELIEST_INLINE V between(V x, V low, V high) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<V, Vector<float>>)
    return V(
        _mm512_maskz_min_ps(__mmask16(-1), __m512(high), _mm512_maskz_max_ps(__mmask16(-1), __m512(low), __m512(x))));
  else
    return V(
        _mm512_maskz_min_pd(__mmask8(-1), __m512d(high), _mm512_maskz_max_pd(__mmask8(-1), __m512d(low), __m512d(x))));
#else
  x = x < low ? low : x;
  return x > high ? high : x;
#endif
}

// The lanes of a register, each to be read again by itself: from memory, since taking them out of the register would
// keep its port busy.
template <class T>
struct Lanes {
  alignas(kBytes) T lane[kLanes<T>];
  LIKELIEST_INLINE explicit Lanes(Vector<T> v) {
    store(lane, v);
    asm("" : "+m"(lane));
  }
  LIKELIEST_INLINE T operator[](std::ptrdiff_t i) const { return lane[i]; }
};
// Lane i to to[i * stride], with zeros behind it in its register.
template <class T>
LIKELIEST_INLINE void store_lanes(Vector<T> v, T* to, std::ptrdiff_t stride) {
  const Lanes<T> lanes(v);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes<T>; ++i, to += stride) store(to, Vector<T>{lanes[i]});
}

// Swaps the blocks of size h off the diagonal of each 2h x 2h block of two rows, h apart.
template <class T, int H, int... L>
LIKELIEST_INLINE void exchange(Vector<T>& a, Vector<T>& b, std::integer_sequence<int, L...>) {
  constexpr int n = kLanes<T>;
  const Vector<T> upper = __builtin_shufflevector(a, b, ((L & H) == 0 ? L : n + L - H)...);
  b = __builtin_shufflevector(a, b, ((L & H) == 0 ? L + H : n + L)...);
  a = upper;
}
template <class T, int P, int H, int N>
LIKELIEST_INLINE void transpose_level(Vector<T> (&rows)[N]) {
  for (int i = 0; i < N; ++i)
    if ((i & H) == 0) exchange<T, P * H>(rows[i], rows[i + H], std::make_integer_sequence<int, kLanes<T>>());
  if constexpr (H > 1) transpose_level<T, P, H / 2, N>(rows);
}
// A square of lanes x lanes numbers, rows and columns exchanged in registers; or of groups of P numbers, each of which
// stays as it is.
template <class T, int P = 1>
LIKELIEST_INLINE void transpose(Vector<T> (&rows)[kLanes<T> / P]) {
  transpose_level<T, P, kLanes<T> / P / 2, kLanes<T> / P>(rows);
}

// Lane i of the result is the sum of the lanes of sums[i], by halves: two registers become one, again and again.
template <class T, int H = kLanes<T> / 2, int N>
LIKELIEST_INLINE Vector<T> sums_of_lanes(Vector<T> (&sums)[N]) {
#pragma GCC unroll 8
  for (int i = 0; i < H; ++i) {
    exchange<T, H>(sums[i], sums[i + H], std::make_integer_sequence<int, kLanes<T>>());
    sums[i] += sums[i + H];
  }
  if constexpr (H > 1)
    return sums_of_lanes<T, H / 2>(sums);
  else
    return sums[0];
}

}  // namespace likeliest::LIKELIEST_ISA
