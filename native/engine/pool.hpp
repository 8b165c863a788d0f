// One pool of threads for the process. A job runs the same function on every thread of a team, which meet at barriers.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace likeliest {

std::int64_t nanoseconds() noexcept;  // on a clock that never goes back

// The threads of one job. They wait by spinning, since the next part of a step is microseconds away; when it takes
// longer, or at once when there are more threads than processors, they leave their processor to others and look again.
class Team {
 public:
  Team(int threads, int spin);
  int threads() const { return threads_; }
  void barrier() noexcept;

  // For how many nanoseconds others have wanted these processors too: as long as the job has taken, if its threads have
  // waited for one another, beyond spinning, more than half of that, and else 0.
  std::int64_t crowded() const;

 private:
  const int threads_, spin_;
  const std::int64_t begin_;             // when the job began, in nanoseconds
  std::atomic<std::int64_t> waited_{0};  // how long its threads have, beyond spinning, together
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> round_{0};
};

using Job = void (*)(void* context, int thread, Team& team);

// Runs job(context, thread, team) on threads 0 … threads - 1 of a team and returns when all are done. The caller is
// thread 0. While another job has the pool, in this or in another Python thread, the team is the caller alone: results
// never depend on the number of threads, and two pools at once would only slow each other down.
void run_on_pool(int threads, Job job, void* context);

template <class F>
void run_on_pool(int threads, F& f) {
  run_on_pool(threads, [](void* context, int thread, Team& team) { (*static_cast<F*>(context))(thread, team); }, &f);
}

// The share of [0, n) that thread `thread` of `threads` takes.
struct Range {
  std::ptrdiff_t begin, end;
};
inline Range share(std::ptrdiff_t n, std::ptrdiff_t part, std::ptrdiff_t parts) {
  return {n * part / parts, n * (part + 1) / parts};
}

}  // namespace likeliest
