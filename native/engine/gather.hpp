// Examples picked from a user's array, of any number type and layout, into rows of the engine's.
#pragma once
#include <cstddef>
#include <cstdint>

namespace likeliest {

enum class Type { f16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64 };  // a bool is a u8

// A matrix (rows x columns) in somebody else's memory; strides in bytes, possibly negative.
struct Source {
  const void* data;
  Type type;
  std::ptrdiff_t rows, columns, row_stride, column_stride;
};

// out[i, 0 .. columns) = source[order[first + i], begin .. begin + columns) for i in [0, rows); without an order, row
// first + i.
template <class T>
void gather(const Source& source, const std::uint32_t* order, std::ptrdiff_t first, std::ptrdiff_t rows,
            std::ptrdiff_t begin, std::ptrdiff_t columns, T* out, std::ptrdiff_t stride) noexcept;

// The first row in [begin, end) with a number that is not finite as a T, and its column; row = -1 when there is none.
struct Position {
  std::ptrdiff_t row, column;
};
template <class T>
Position first_non_finite(const Source& source, std::ptrdiff_t begin, std::ptrdiff_t end) noexcept;

// Whether all of an order are rows of a source of so many.
bool are_rows(const std::uint32_t* order, std::ptrdiff_t count, std::ptrdiff_t rows) noexcept;

}  // namespace likeliest
