// Where barriers go.
#include "engine/schedule.hpp"
#include "tests/check.hpp"

namespace likeliest::tests {
namespace {

struct Task {
  std::vector<Access> accesses;
  bool barrier = false;
};
constexpr Split rows{Split::rows, 0}, whole{Split::whole, 0}, single{Split::single, 0}, columns{Split::columns, 4};

}  // namespace

void test_schedule() {
  // A value read as a whole has to be complete; one written and read by rows stays with its thread.
  std::vector<Task> tasks{{{{0, rows, true}}}, {{{0, rows, false}, {1, rows, true}}}, {{{1, whole, false}}}};
  place_barriers(tasks);
  CHECK(!tasks[0].barrier && tasks[2].barrier);
  // The list repeats: value 1 must not be written again while others still read it.
  CHECK(tasks[1].barrier);

  std::vector<Task> cycle{{{{0, rows, true}}}, {{{0, whole, false}}}};
  place_barriers(cycle);
  CHECK(cycle[0].barrier && cycle[1].barrier);

  // Reading together is no conflict; one thread alone has none with itself; two ways to split are one.
  std::vector<Task> readers{{{{0, rows, false}}}, {{{0, whole, false}}}, {{{1, single, true}}}, {{{1, single, false}}}};
  place_barriers(readers);
  for (const Task& task : readers) CHECK(!task.barrier);
  std::vector<Task> splits{{{{0, rows, true}}}, {{{0, columns, false}}}};
  place_barriers(splits);
  CHECK(splits[1].barrier);
  std::vector<Task> pieces{{{{0, Split{Split::columns, 4}, true}}}, {{{0, Split{Split::shards, 4}, false}}}};
  place_barriers(pieces);
  CHECK(pieces[1].barrier);
}

}  // namespace likeliest::tests
