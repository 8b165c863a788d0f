// Which thread does what, and where threads have to wait for each other.
//
// A step of training is a list of tasks. Every thread runs every task on its own share. A task says which buffers it
// touches and how they are split among the threads; a barrier goes only where a thread would touch what another one has
// touched since the last barrier, and at least one of the two wrote. The list repeats, step after step, and so does the
// search for conflicts.
#pragma once
#include <cstddef>
#include <vector>

namespace likeliest {

struct Split {
  // whole: every thread touches all of it; single: only thread 0; columns: by panels; shards: by shards of the inputs.
  enum Kind { whole, single, rows, columns, shards, tiles } kind = whole;
  std::ptrdiff_t parts = 0;  // of columns and shards: how many there are to share out
  bool same_owner(const Split& other) const { return kind != whole && kind == other.kind && parts == other.parts; }
};

struct Access {
  int buffer;
  Split split;
  bool write;
};

inline bool conflict(const Access& a, const Access& b) {
  return a.buffer == b.buffer && (a.write || b.write) && !a.split.same_owner(b.split);
}

// Sets `barrier` of each task that needs one before it.
template <class Tasks>
void place_barriers(Tasks& tasks) {
  std::vector<Access> since;
  for (int round = 0; round < 2; ++round)
    for (auto& task : tasks) {
      for (const Access& a : task.accesses)
        for (const Access& b : since) task.barrier = task.barrier || conflict(a, b);
      if (task.barrier) since.clear();
      since.insert(since.end(), task.accesses.begin(), task.accesses.end());
    }
}

}  // namespace likeliest
