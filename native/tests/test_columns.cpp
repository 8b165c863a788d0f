// Which columns of a minibatch are used, and the order of its examples.
#include <algorithm>
#include <numeric>
#include <vector>

#include "engine/columns.hpp"
#include "engine/isa.hpp"
#include "engine/random.hpp"
#include "tests/check.hpp"

namespace likeliest::tests {

// Segments cover the columns in order, alternate within a shard, and leave out zeros only.
void test_columns() {
  constexpr std::ptrdiff_t columns = 300;
  for (const std::ptrdiff_t shards : {1, 4})
    for (unsigned pattern = 0; pattern < 200; ++pattern) {
      UsedColumns<float> used(2, columns, 304, shards);
      unsigned state = pattern * 2654435761u + 1;
      for (int t = 0; t < 2; ++t)
        for (std::ptrdiff_t j = 0; j < columns; ++j) {
          state = state * 1664525u + 1013904223u;
          used.marks(t)[j] = (state >> 16) % 64 < pattern % 65 ? 1.0f : 0.0f;
        }
      used.find(1, {0, shards}, {0, 2});
      const Segments all = used.segments(1, 0, shards);
      std::ptrdiff_t at = 0;
      for (std::ptrdiff_t s = 0; s < all.count; ++s) {
        const Segment segment = all.data[s];
        CHECK(segment.begin == at && segment.end > at);
        std::ptrdiff_t idle = 0;
        for (at = segment.begin; at < segment.end; ++at) {
          const bool mark = used.marks(0)[at] != 0 || used.marks(1)[at] != 0;
          CHECK(segment.used || !mark);
          idle = mark ? 0 : idle + 1;
          CHECK(!segment.used || idle < 4);
        }
        CHECK(!segment.used || idle == 0);
      }
      CHECK(at == columns);
      for (std::ptrdiff_t s = 0; s < shards; ++s) {
        const Segments one = used.segments(1, s, s + 1);
        CHECK(one.count > 0 && one.data[0].begin == shard_begin<float>(columns, shards, s) &&
              one.data[one.count - 1].end == shard_begin<float>(columns, shards, s + 1));
      }
    }
}

void test_random() {
  // The known answers of the authors' Random123.
  const Key zeros = threefry({0, 0}, {0, 0});
  CHECK(zeros.low == 0x6b200159 && zeros.high == 0x99ba4efe);
  const Key ones = threefry({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff});
  CHECK(ones.low == 0x1cb996fc && ones.high == 0xbb002be7);
  const Key pi = threefry({0x13198a2e, 0x03707344}, {0x243f6a88, 0x85a308d3});
  CHECK(pi.low == 0xc4923a9c && pi.high == 0x483df7a0);
  // Each example with the one at a place up to its own, as the bits say.
  for (const std::string& isa : available_isas())
    for (const std::uint32_t n : {1u, 2u, 3u, 127u, 128u, 129u, 130u, 1000u, 70001u}) {
      const Key stream{n, 7};
      std::vector<std::uint32_t> order(n), expected(n);
      permutation(*tables_for(isa).single, stream, n, order.data());
      std::iota(expected.begin(), expected.end(), 0u);
      for (std::uint32_t i = 0; i < n; ++i) {
        const Key words = threefry(stream, {i / 2, 0});
        const double bits = i % 2 ? words.high : words.low;
        std::swap(expected[i], expected[std::size_t(bits * 0x1p-32 * (i + 1.0))]);  // exact: 32 + 17 bits
      }
      CHECK(order == expected);
    }
}

}  // namespace likeliest::tests
