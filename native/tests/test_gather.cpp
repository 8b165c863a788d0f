// Reading a user's arrays: number types, strides, order, and the search for what is not finite.
#include <cmath>
#include <limits>
#include <vector>

#include "engine/gather.hpp"
#include "tests/check.hpp"

namespace likeliest::tests {
namespace {

template <class S>
void test_type(Type type) {
  constexpr std::ptrdiff_t rows = 7, columns = 11;
  std::vector<S> data(std::size_t(rows * columns));
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = S(i % 100);
  const auto size = std::ptrdiff_t(sizeof(S));
  const Source plain{data.data(), type, rows, columns, columns * size, size};
  const Source turned{data.data(), type, columns, rows, size, columns * size};
  const Source backward{data.data() + data.size() - 1, type, rows, columns, -columns * size, -size};
  const std::vector<std::uint32_t> order = {6, 0, 3};
  std::vector<float> out(3 * 16, -1.0f);
  gather(plain, order.data(), 1, 2, 2, 5, out.data(), 16);
  CHECK(out[0] == float(data[2]) && out[4] == float(data[6]) && out[5] == -1.0f &&
        out[16] == float(data[3 * columns + 2]));
  std::vector<double> wide(std::size_t(columns * rows));
  gather(turned, nullptr, 0, columns, 0, rows, wide.data(), rows);
  bool right = true;
  for (std::ptrdiff_t i = 0; i < columns; ++i)
    for (std::ptrdiff_t j = 0; j < rows; ++j)
      right = right && wide[std::size_t(i * rows + j)] == double(data[std::size_t(j * columns + i)]);
  CHECK(right);
  gather(backward, nullptr, 0, 1, 0, 3, wide.data(), rows);
  CHECK(wide[0] == double(data[data.size() - 1]) && wide[2] == double(data[data.size() - 3]));
  CHECK(first_non_finite<double>(plain, 0, rows).row == -1);
}

// Rows of any length are copied whole, and nothing beside them.
template <class T>
void test_lengths() {
  constexpr std::ptrdiff_t rows = 9, most = 140, stride = most + 3;
  std::vector<T> data(std::size_t(rows * most));
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = T(i);
  const auto size = std::ptrdiff_t(sizeof(T));
  const Source source{data.data(), size == 4 ? Type::f32 : Type::f64, rows, most, most * size, size};
  const std::vector<std::uint32_t> order = {8, 0, 5, 5, 2};
  for (std::ptrdiff_t columns = 1; columns < most; ++columns)
    for (const bool ordered : {true, false}) {
      std::vector<T> out(std::size_t(5 * stride), T(-1));
      gather(source, ordered ? order.data() : nullptr, 1, 4, 1, columns, out.data(), stride);
      bool right = true;
      for (std::ptrdiff_t i = 0; i < 5; ++i)
        for (std::ptrdiff_t j = 0; j < stride; ++j) {
          const std::ptrdiff_t row = ordered ? std::ptrdiff_t(order[std::size_t(1 + i % 4)]) : 1 + i;
          const T expected = i < 4 && j < columns ? data[std::size_t(row * most + 1 + j)] : T(-1);
          right = right && out[std::size_t(i * stride + j)] == expected;
        }
      CHECK(right);
    }
}

}  // namespace

void test_gather() {
  test_lengths<float>();
  test_lengths<double>();
  test_type<float>(Type::f32);
  test_type<double>(Type::f64);
  test_type<std::int8_t>(Type::i8);
  test_type<std::int16_t>(Type::i16);
  test_type<std::int32_t>(Type::i32);
  test_type<std::int64_t>(Type::i64);
  test_type<std::uint8_t>(Type::u8);
  test_type<std::uint16_t>(Type::u16);
  test_type<std::uint32_t>(Type::u32);
  test_type<std::uint64_t>(Type::u64);

  // Half precision: 1, -2, the largest, the smallest normal and subnormal number, infinity, NaN.
  const std::uint16_t halves[] = {0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x7c00, 0x7e00};
  float out[7];
  gather<float>({halves, Type::f16, 1, 7, 14, 2}, nullptr, 0, 1, 0, 7, out, 7);
  CHECK(out[0] == 1.0f && out[1] == -2.0f && out[2] == 65504.0f && out[3] == 0x1p-14f && out[4] == 0x1p-24f);
  CHECK(std::isinf(out[5]) && std::isnan(out[6]));
  CHECK(first_non_finite<double>({halves, Type::f16, 1, 7, 14, 2}, 0, 1).column == 5);

  // What is finite in double precision may not be in single.
  const double large[] = {1.0, 1e300};
  const Source doubles{large, Type::f64, 1, 2, 16, 8};
  CHECK(first_non_finite<double>(doubles, 0, 1).row == -1 && first_non_finite<float>(doubles, 0, 1).column == 1);

  std::vector<float> data(40 * 19, 1.0f);
  const Source source{data.data(), Type::f32, 40, 19, 19 * 4, 4};
  for (const std::ptrdiff_t column : {0, 7, 8, 16, 18})
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      data[std::size_t(23 * 19 + column)] = bad;
      const Position p = first_non_finite<double>(source, 0, 40);
      CHECK(p.row == 23 && p.column == column);
      CHECK(first_non_finite<double>(source, 24, 40).row == -1);
      data[std::size_t(23 * 19 + column)] = 1.0f;
    }
}

}  // namespace likeliest::tests
