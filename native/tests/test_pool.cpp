// The pool: every thread runs, barriers hold, callers do not disturb each other, and a fork starts afresh. And how a
// thread computes with subnormal numbers.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <vector>

#include "engine/pool.hpp"
#include "engine/subnormal.hpp"
#include "tests/check.hpp"

#if defined(__SANITIZE_THREAD__)
constexpr bool kForkIsWatched = true;  // TSan does not follow threads through a fork
#else
constexpr bool kForkIsWatched = false;
#endif

namespace likeliest::tests {
namespace {

// Each thread adds 1 to its own number, waits, and reads everybody's.
bool rounds(int threads, int count) {
  std::vector<int> numbers(static_cast<std::size_t>(threads), 0);
  std::vector<char> good(static_cast<std::size_t>(threads), 1);
  auto job = [&](int thread, Team& team) {
    for (int k = 1; k <= count; ++k) {
      numbers[std::size_t(thread)] = k;
      team.barrier();
      for (int other = 0; other < team.threads(); ++other)
        if (numbers[std::size_t(other)] != k) good[std::size_t(thread)] = 0;
      team.barrier();
    }
  };
  run_on_pool(threads, job);
  for (const char g : good)
    if (!g) return false;
  return true;
}

// One thread comes late to each of three barriers, so the others stop spinning. Returns what the team tells of the
// crowd.
std::int64_t one_is_late(int threads, std::chrono::milliseconds late) {
  std::int64_t crowded = -1;
  auto job = [&](int thread, Team& team) {
    for (int k = 0; k < 3; ++k) {
      if (thread == 0) std::this_thread::sleep_for(late);
      team.barrier();
    }
    team.barrier();  // by now each has told how long it waited at the others
    if (thread == 0) crowded = team.crowded();
  };
  run_on_pool(threads, job);
  return crowded;
}

bool subnormals_count() {
  volatile float small = 1.5e-38f;
  return small * 0.5f > 0;
}

void test_subnormals() {
  CHECK(subnormals_count());
  {
    const Subnormals not_here(false);
#if defined(__SSE__) || defined(__aarch64__)
    CHECK(!subnormals_count());
#endif
    {
      const Subnormals here(true);
      CHECK(subnormals_count());
    }
  }
  CHECK(subnormals_count());
}

}  // namespace

void test_pool(bool quick) {
  test_subnormals();
  const int count = quick ? 50 : 500;
  for (const int threads : {1, 2, 3, 8, 2, 5}) CHECK(rounds(threads, count));
  for (int k = 0; k < count; ++k) CHECK(rounds(2, 1));
  for (const int threads : {2, 3}) CHECK(one_is_late(threads, std::chrono::milliseconds(20)) >= 60'000'000);
  CHECK(one_is_late(1, std::chrono::milliseconds(3)) == 0);  // nobody waits for it

  std::vector<std::thread> callers;
  std::vector<char> good(4, 1);
  for (std::size_t caller = 0; caller < good.size(); ++caller)
    callers.emplace_back([&, caller] {
      for (int k = 0; k < 20; ++k)
        if (!rounds(2, 5)) good[caller] = 0;
    });
  for (std::thread& caller : callers) caller.join();
  for (const char g : good) CHECK(g);

  if (!kForkIsWatched) {
    const pid_t child = fork();
    if (child == 0) _exit(rounds(2, 10) ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

}  // namespace likeliest::tests
