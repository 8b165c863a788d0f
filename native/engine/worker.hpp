// What one thread knows while it runs a task, and what a task is.
#pragma once
#include <algorithm>
#include <functional>
#include <vector>

#include "engine/augment.hpp"
#include "engine/carried.hpp"
#include "engine/engine.hpp"
#include "engine/pool.hpp"
#include "engine/schedule.hpp"
#include "engine/workspace.hpp"

namespace likeliest {

// An optimizer at one step, with the priors and the average.
template <class T>
struct Stepper {
  const Network<T>* network;
  const OptimizerKernel<T>* optimizer;
  T *theta, *slot0, *slot1;
  const T *constants, *free;  // the optimizer's, for weights and for what decay leaves alone
  const T* priors;            // kMaxConstants of each slice
  T* average;                 // null: none, or not at this step
  T rate;

  // The update of a slice, whose numbers begin at the offset that `apply` gets.
  Update<T> on(int slice, bool with_prior = true) const {
    const SliceRule<T>& rule = network->rules[std::size_t(slice)];
    const std::ptrdiff_t offset = network->slices[std::size_t(slice)].offset;
    const bool adds = with_prior && rule.prior, averages = average && rule.max_norm == T(0);
    return {optimizer->slots > 0 || adds || averages,
            optimizer->step,
            theta + offset,
            slot0 + offset,
            slot1 + offset,
            rule.weight ? constants : free,
            adds ? rule.prior->add : nullptr,
            priors + slice * kMaxConstants,
            network->table.blend,
            averages ? average + offset : nullptr,
            rate};
  }
};

// What one thread knows while it runs the tasks of a block.
template <class T>
struct Worker {
  Workspace<T>* space;
  int thread = 0, threads = 1;
  const Examples* data;
  const std::uint32_t* order = nullptr;
  std::ptrdiff_t ordered = 0;                     // how many entries the order has
  std::ptrdiff_t begin = 0, first = 0, rows = 0;  // where the minibatch begins, and the block
  std::ptrdiff_t next = -1;                       // where the next block of this thread begins, if not behind this one
  T *theta, *gradient;
  const Stepper<T>* stepper = nullptr;  // null: add to the gradient instead
  bool accumulate = false;              // the gradient holds earlier blocks
  bool training = false;                // noise, and statistics of the minibatch
  Key noise{0, 0};
  std::int64_t t = 0;
  const Augmenter<T>* augmenter = nullptr;  // null: examples are taken as they are
  T* augmenting = nullptr;                  // its scratch for this thread
  std::ptrdiff_t batch = 0;                 // how many examples the minibatch has
  const Carried<T>* carried = nullptr;      // null: recurrences begin as the program says, and keep nothing
  bool goes_on = false;                     // whether they begin in what is carried
  T scale = T(1);
  double floor = 0, total = 0;

  std::ptrdiff_t row_shards = 0;  // see Network
  Range part{0, -1};              // of the rows, that a task is to do now; else all of this thread's

  Range my(std::ptrdiff_t n) const { return share(n, thread, threads); }
  // The rows of this thread, of n: whole shards of images.
  Range rows_of(std::ptrdiff_t n) const {
    if (row_shards == 0) return my(n);
    const std::ptrdiff_t count = std::min(row_shards, n);
    const Range shards = my(count);
    return {share(n, shards.begin, count).begin, share(n, shards.end, count).begin};
  }
  Range mine() const { return part.end >= 0 ? part : rows_of(rows); }
  // Space for images of this thread.
  T* image(int which) const { return space->images + (Workspace<T>::kImages * thread + which) * space->image_size; }
  T* channels() const { return space->channels + thread * space->channels_size; }
  T* scratch() const { return space->scratch + thread * space->scratch_size; }
};

template <class T>
struct Task {
  std::function<void(Worker<T>&)> run;
  std::vector<Access> accesses;
  bool checks = false;  // `total` is known after this one
  bool barrier = false;
  bool by_rows = false;      // each row by itself, or added to what its shard has
  std::size_t together = 1;  // this task and so many after it go through a few rows at a time
};

}  // namespace likeliest
