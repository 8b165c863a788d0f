#include "engine/gather.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

namespace likeliest {
namespace {

struct Half {
  std::uint16_t bits;
  operator float() const noexcept {
    const std::uint32_t sign = std::uint32_t(bits & 0x8000) << 16, magnitude = bits & 0x7fff;
    float value;
    if (magnitude >= 0x7c00)  // infinity and NaN
      value = std::bit_cast<float>(0x7f800000u | (magnitude & 0x3ff) << 13);
    else  // 2^112 moves the exponent's bias, and normalises what was subnormal
      value = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
  }
};

// Calls f with a null pointer of the source's number type.
template <class F>
auto dispatch(Type type, F&& f) {
  switch (type) {
    case Type::f16: return f(static_cast<const Half*>(nullptr));
    case Type::f32: return f(static_cast<const float*>(nullptr));
    case Type::f64: return f(static_cast<const double*>(nullptr));
    case Type::i8: return f(static_cast<const std::int8_t*>(nullptr));
    case Type::i16: return f(static_cast<const std::int16_t*>(nullptr));
    case Type::i32: return f(static_cast<const std::int32_t*>(nullptr));
    case Type::i64: return f(static_cast<const std::int64_t*>(nullptr));
    case Type::u8: return f(static_cast<const std::uint8_t*>(nullptr));
    case Type::u16: return f(static_cast<const std::uint16_t*>(nullptr));
    case Type::u32: return f(static_cast<const std::uint32_t*>(nullptr));
    case Type::u64: break;
  }
  return f(static_cast<const std::uint64_t*>(nullptr));
}

// Memory may be unaligned (a field of a structured array), so a number is copied out before it is read.
template <class S>
S read(const char* p) noexcept {
  S value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// A short row is copied here, without a call: registers from its beginning, and a last one that ends where it ends.
constexpr std::size_t kRegister = 16, kShort = 512;
inline void copy_bytes(char* to, const char* from, std::size_t count) noexcept {
  if (count < kRegister || count > kShort) {
    std::memcpy(to, from, count);
    return;
  }
  for (std::size_t i = 0; i + kRegister < count; i += kRegister) std::memcpy(to + i, from + i, kRegister);
  std::memcpy(to + count - kRegister, from + count - kRegister, kRegister);
}
// The same of rows that all take COUNT registers: there are no more decisions to take within a row.
template <std::size_t COUNT, class Row>
void copy_rows(char* to, std::ptrdiff_t stride, std::size_t count, std::ptrdiff_t rows, Row&& row) noexcept {
  for (std::ptrdiff_t i = 0; i < rows; ++i, to += stride) {
    const char* from = row(i);
#pragma GCC unroll 8
    for (std::size_t k = 0; k + 1 < COUNT; ++k) std::memcpy(to + k * kRegister, from + k * kRegister, kRegister);
    std::memcpy(to + count - kRegister, from + count - kRegister, kRegister);
  }
}
// False where rows are longer than eight registers, or shorter than one.
template <std::size_t COUNT = 8, class Row>
bool copy_short_rows(char* to, std::ptrdiff_t stride, std::size_t count, std::ptrdiff_t rows, Row&& row) noexcept {
  if (count > COUNT * kRegister || count < kRegister) return false;
  if (count > (COUNT - 1) * kRegister) {
    copy_rows<COUNT>(to, stride, count, rows, row);
    return true;
  }
  if constexpr (COUNT > 1) return copy_short_rows<COUNT - 1>(to, stride, count, rows, row);
  return false;
}

template <class T>
T convert(Half x) noexcept {
  return T(float(x));
}
template <class T, class S>
T convert(S x) noexcept {
  return T(x);
}

}  // namespace

template <class T>
void gather(const Source& source, const std::uint32_t* order, std::ptrdiff_t first, std::ptrdiff_t rows,
            std::ptrdiff_t begin, std::ptrdiff_t columns, T* out, std::ptrdiff_t stride) noexcept {
  dispatch(source.type, [&]<class S>(const S*) {
    const auto size = std::ptrdiff_t(sizeof(S));
    const bool contiguous = source.column_stride == size;
    const char* base = static_cast<const char*>(source.data) + begin * source.column_stride;
    const auto start = [base, order, first, step = source.row_stride](std::ptrdiff_t i) {
      return base + (order ? std::ptrdiff_t(order[first + i]) : first + i) * step;
    };
    if constexpr (std::is_same_v<S, T>)
      if (contiguous && copy_short_rows(reinterpret_cast<char*>(out), stride * std::ptrdiff_t(sizeof(T)),
                                        std::size_t(columns) * sizeof(T), rows, start))
        return;
    for (std::ptrdiff_t i = 0; i < rows; ++i) {
      const char* from = start(i);
      T* to = out + i * stride;
      if constexpr (std::is_same_v<S, T>) {
        if (contiguous) {
          copy_bytes(reinterpret_cast<char*>(to), from, std::size_t(columns) * sizeof(T));
          continue;
        }
      }
      if (contiguous)
        for (std::ptrdiff_t j = 0; j < columns; ++j) to[j] = convert<T>(read<S>(from + j * size));
      else
        for (std::ptrdiff_t j = 0; j < columns; ++j) to[j] = convert<T>(read<S>(from + j * source.column_stride));
    }
  });
}

template void gather<float>(const Source&, const std::uint32_t*, std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t,
                            std::ptrdiff_t, float*, std::ptrdiff_t) noexcept;
template void gather<double>(const Source&, const std::uint32_t*, std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t,
                             std::ptrdiff_t, double*, std::ptrdiff_t) noexcept;

bool are_rows(const std::uint32_t* order, std::ptrdiff_t count, std::ptrdiff_t rows) noexcept {
  std::uint32_t last = 0;  // of all, without a branch for each: registers of them go through at once
  for (std::ptrdiff_t i = 0; i < count; ++i) last = order[i] > last ? order[i] : last;
  return count == 0 || std::ptrdiff_t(last) < rows;
}

namespace {

// x - x is 0 for a finite number and NaN for any other; several sums at a time, since one waits for itself.
template <class S, class F, class Stride>
bool are_finite(const char* from, std::ptrdiff_t count, Stride stride) noexcept {
  constexpr std::ptrdiff_t together = 16;
  F sums[together] = {};
  std::ptrdiff_t j = 0;
  for (; j + together <= count; j += together)
    for (std::ptrdiff_t k = 0; k < together; ++k) {
      const F x = F(read<S>(from + (j + k) * stride));
      sums[k] += x - x;
    }
  for (; j < count; ++j) {
    const F x = F(read<S>(from + j * stride));
    sums[0] += x - x;
  }
  F total = 0;
  for (const F sum : sums) total += sum;
  return total == 0;
}

}  // namespace

template <class T>
Position first_non_finite(const Source& source, std::ptrdiff_t begin, std::ptrdiff_t end) noexcept {
  return dispatch(source.type, [&]<class S>(const S*) -> Position {
    if constexpr (std::is_integral_v<S>) {
      return {-1, -1};
    } else {
      using F = std::conditional_t<std::is_same_v<S, double>, T, float>;
      constexpr auto size = std::ptrdiff_t(sizeof(S));
      constexpr std::ptrdiff_t most = 4096;
      const bool contiguous = source.column_stride == size;
      // Rows without anything between them are one long row.
      const bool one = contiguous && source.row_stride == source.columns * size;
      const std::ptrdiff_t rows = one ? 1 : end - begin,
                           columns = one ? (end - begin) * source.columns : source.columns;
      for (std::ptrdiff_t i = 0; i < rows; ++i) {
        const char* row = static_cast<const char*>(source.data) + (begin + i) * source.row_stride;
        for (std::ptrdiff_t first = 0; first < columns; first += most) {
          const std::ptrdiff_t count = std::min(most, columns - first);
          const char* from = row + first * source.column_stride;
          if (contiguous ? are_finite<S, F>(from, count, std::integral_constant<std::ptrdiff_t, size>())
                         : are_finite<S, F>(from, count, source.column_stride))
            continue;
          for (std::ptrdiff_t j = first;; ++j) {
            const F x = F(read<S>(row + j * source.column_stride));
            if (!(x - x == 0)) return {begin + i + j / source.columns, j % source.columns};
          }
        }
      }
      return {-1, -1};
    }
  });
}

template Position first_non_finite<float>(const Source&, std::ptrdiff_t, std::ptrdiff_t) noexcept;
template Position first_non_finite<double>(const Source&, std::ptrdiff_t, std::ptrdiff_t) noexcept;

}  // namespace likeliest
