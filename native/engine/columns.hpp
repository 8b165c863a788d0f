// Which columns of a minibatch are used, that is, have a number other than 0.
//
// Columns of zeros add nothing to x W, and the gradient of their weights is 0: skipping them changes no bit of the
// result. The borders of images and rare categories make for many of them; of MNIST's 784 columns, two thirds are used
// in a minibatch of 128. Each thread marks what it sees, and finds the segments that it needs by itself.
#pragma once
#include <algorithm>
#include <vector>

#include "engine/kernels.hpp"
#include "engine/layout.hpp"
#include "engine/memory.hpp"
#include "engine/pool.hpp"

namespace likeliest {

template <class T>
class UsedColumns {
 public:
  UsedColumns(int threads, std::ptrdiff_t columns, std::ptrdiff_t stride, std::ptrdiff_t shards)
      : columns_(columns), shards_(shards), threads_(static_cast<std::size_t>(threads)) {
    for (PerThread& own : threads_) {
      own.marks = Memory<T>(std::size_t(stride));
      own.used = Memory<T>(std::size_t(stride));
      own.segments.resize(std::size_t(columns + shards));
      own.first.resize(std::size_t(shards) + 1);
    }
  }

  // All columns count, without marks; for a matrix that is not cut into shards.
  void take_all() {
    for (PerThread& own : threads_) {
      own.segments[0] = {0, std::int32_t(columns_), true, 0};
      own.first = {0, 1};
    }
  }

  // The marks of one thread, one a column: 1 for used. The thread clears and sets them.
  T* marks(int thread) { return threads_[std::size_t(thread)].marks.data(); }

  // Finds the segments of the given shards for one thread, from the marks of the threads in `seen_by`.
  void find(int thread, Range shards, Range seen_by) noexcept {
    PerThread& own = threads_[std::size_t(thread)];
    const std::ptrdiff_t first = shard_begin<T>(columns_, shards_, shards.begin);
    const std::ptrdiff_t last = shard_begin<T>(columns_, shards_, shards.end);
    std::copy(marks(int(seen_by.begin)) + first, marks(int(seen_by.begin)) + last, own.used.data() + first);
    for (int t = int(seen_by.begin) + 1; t < int(seen_by.end); ++t)
      for (std::ptrdiff_t j = first; j < last; ++j) own.used.data()[j] += marks(t)[j];
    const T* used = own.used.data();
    Segment* next = own.segments.data();
    for (std::ptrdiff_t s = shards.begin; s < shards.end; ++s) {
      own.first[std::size_t(s)] = next - own.segments.data();
      const std::ptrdiff_t end = shard_begin<T>(columns_, shards_, s + 1);
      for (std::ptrdiff_t j = shard_begin<T>(columns_, shards_, s); j < end;) {
        const std::ptrdiff_t begin = j;
        const bool is_used = used[j] != 0;
        if (is_used) {
          // A short gap is not worth a break: its columns count as used.
          for (std::ptrdiff_t k = j + 1; k < end && k - j <= kGap; ++k)
            if (used[k] != 0) j = k;
          ++j;
        } else {
          while (j < end && used[j] == 0) ++j;
        }
        *next++ = {std::int32_t(begin), std::int32_t(j), is_used, std::int32_t(begin)};
      }
    }
    own.first[std::size_t(shards.end)] = next - own.segments.data();
  }

  // What `find` found for the shards [begin, end), to be read by the same thread.
  Segments segments(int thread, std::ptrdiff_t begin, std::ptrdiff_t end) const {
    const PerThread& own = threads_[std::size_t(thread)];
    const std::ptrdiff_t first = own.first[std::size_t(begin)];
    return {own.segments.data() + first, own.first[std::size_t(end)] - first};
  }

 private:
  static constexpr std::ptrdiff_t kGap = 4;

  struct PerThread {
    Memory<T> marks, used;
    std::vector<Segment> segments;
    std::vector<std::ptrdiff_t> first;  // of each shard, in `segments`
  };

  std::ptrdiff_t columns_, shards_;
  std::vector<PerThread> threads_;
};

}  // namespace likeliest
