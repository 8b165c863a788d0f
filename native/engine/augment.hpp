// Augmentation: the examples of a minibatch changed at random, as likeliest/augmentation has it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/gather.hpp"
#include "engine/kernels.hpp"
#include "engine/memory.hpp"
#include "engine/random.hpp"

namespace likeliest {

// As Python hands it over. A series is an image of one row.
struct Augmentation {
  struct Part {
    std::string name;
    std::uint32_t place;  // in the user's list, on which its random numbers depend
    std::vector<double> constants;
  };
  std::ptrdiff_t height, width, channels;
  bool is_series, edge;  // edge: outside of an example is its nearest pixel, else `fill`
  double fill;
  Key stream;
  std::vector<Part> parts;
  const double* shares = nullptr;  // of each entry of the order, how much it is itself; null: nothing is mixed
};

// Throws std::invalid_argument for a part that is unknown or has too few constants, or a shape that has no numbers.
void check(const Augmentation& augmentation, std::ptrdiff_t columns);

template <class T>
class Augmenter {
 public:
  // `rows`: how many a thread takes at a time at most, of `targets` numbers and an eta of `eta` numbers each.
  Augmenter(const Augmentation& augmentation, const Table<T>& table, int threads, std::ptrdiff_t rows,
            std::ptrdiff_t targets, std::ptrdiff_t eta);

  // A minibatch: the entries [begin, begin + size) of the order, at step t.
  struct Batch {
    const std::uint32_t* order;
    std::ptrdiff_t begin, size;
    std::int64_t t;
  };
  // The entries [first, first + rows) of the order, changed, to rows that are `stride` apart.
  void apply(const Source& x, const Batch& batch, std::ptrdiff_t first, std::ptrdiff_t rows, T* scratch, T* out,
             std::ptrdiff_t stride) const noexcept;

  const double* shares() const { return augmentation_.shares; }
  // Of one thread.
  T* scratch(int thread) const { return memory_.data() + thread * size_; }
  // In a thread's scratch: for what is known of the second of two examples that are mixed.
  struct Second {
    T *y, *weight, *own_weight, *log_prob, *score;
  };
  Second second(T* scratch) const;
  // About what an example takes, in floating-point operations of a product.
  double operations() const { return operations_; }

 private:
  void example(const Source& x, const std::uint32_t* order, std::ptrdiff_t at, const Key* keys, std::uint32_t place,
               T* scratch, T* out) const noexcept;
  void move(std::ptrdiff_t columns, const Key* keys, std::uint32_t place, T* scratch, T* out) const noexcept;

  const Augmentation augmentation_;
  const Table<T>& table_;
  struct Weights {
    std::ptrdiff_t radius;
    std::vector<T> down, across;
  };
  std::vector<Weights> weights_;  // one a part; of elastic ones
  bool moves_ = false;
  std::ptrdiff_t rows_, targets_, eta_;
  std::ptrdiff_t padded_, field_, line_, displacement_, mixed_, second_, size_;  // where they begin in scratch
  double operations_ = 0;
  Memory<T> memory_;
};

}  // namespace likeliest
