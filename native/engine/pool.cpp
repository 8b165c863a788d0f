#include "engine/pool.hpp"

#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace likeliest {

std::int64_t nanoseconds() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

namespace {

constexpr int kSpin = 1000;                   // some tens of microseconds
constexpr std::int64_t kYield = 1'000'000;    // nanoseconds in which the processor is then left to whoever wants it
constexpr std::int64_t kNap = 50'000;         // nanoseconds asleep, again and again, from then on
constexpr std::int64_t kTelling = 5'000'000;  // nanoseconds that a job must last to tell whether others want processors

inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Looks so many times, and returns whether the value was found to be no longer `old`.
template <class T>
bool spin_until_changed(const std::atomic<T>& value, T old, int spin) noexcept {
  for (int i = 0; i < spin; ++i) {
    if (value.load(std::memory_order_acquire) != old) return true;
    pause();
  }
  return false;
}

// Waits until the value is no longer `old`. Returns how long it did other than spin, in nanoseconds. It wakes up by
// itself to look: a thread that is to be woken up by another never goes on if that is lost once.
template <class T>
std::int64_t wait_while(const std::atomic<T>& value, T old, int spin) noexcept {
  if (spin_until_changed(value, old, spin)) return 0;
  const std::int64_t begin = nanoseconds();
  while (value.load(std::memory_order_acquire) == old) {
    if (nanoseconds() - begin < kYield)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(std::chrono::nanoseconds(kNap));
  }
  return nanoseconds() - begin;
}

class Pool {
 public:
  void run(int threads, Job job, void* context) {
    const int processors = int(sysconf(_SC_NPROCESSORS_ONLN));
    Team team(threads, threads <= processors ? kSpin : 0);
    while (int(workers_.size()) < threads - 1) workers_.push_back(std::make_unique<Worker>(int(workers_.size()) + 1));
    left_.store(threads - 1, std::memory_order_relaxed);
    for (int i = 0; i < threads - 1; ++i) workers_[std::size_t(i)]->start(this, job, context, &team);
    job(context, 0, team);
    for (int left; (left = left_.load(std::memory_order_acquire)) > 0;) wait_while(left_, left, kSpin);
  }

 private:
  // A worker lives as long as the process. It is never joined: at exit it sleeps, and the process takes it along.
  class Worker {
   public:
    explicit Worker(int index) : index_(index) {
      std::thread([this] { live(); }).detach();
    }
    void start(Pool* pool, Job job, void* context, Team* team) {
      pool_ = pool, job_ = job, context_ = context, team_ = team;
      const std::lock_guard lock(mutex_);
      jobs_.fetch_add(1, std::memory_order_release);
      has_job_.notify_one();
    }

   private:
    void live() {
      for (std::uint32_t done = 0;; ++done) {
        wait_for_job(done);
        Pool* pool = pool_;
        job_(context_, index_, *team_);
        // The team is the caller's and may be gone after this line.
        pool->left_.fetch_sub(1, std::memory_order_release);
      }
    }
    // Jobs follow one another within microseconds, or after hours.
    void wait_for_job(std::uint32_t done) {
      if (spin_until_changed(jobs_, done, kSpin)) return;
      std::unique_lock lock(mutex_);
      has_job_.wait(lock, [&] { return jobs_.load(std::memory_order_relaxed) != done; });
    }

    const int index_;
    std::mutex mutex_;
    std::condition_variable has_job_;
    alignas(64) std::atomic<std::uint32_t> jobs_{0};
    Pool* pool_ = nullptr;
    Job job_ = nullptr;
    void* context_ = nullptr;
    Team* team_ = nullptr;
  };

  std::vector<std::unique_ptr<Worker>> workers_;
  alignas(64) std::atomic<int> left_{0};
};

std::mutex mutex;
Pool* pool = nullptr;  // never deleted: workers may be asleep in it when the process ends

// After fork() the child has the memory of the pool but none of its threads, so it makes itself a new one.
void forget_pool_in_child() {
  pool = nullptr;
  new (&mutex) std::mutex;
}

}  // namespace

Team::Team(int threads, int spin) : threads_(threads), spin_(spin), begin_(nanoseconds()) {}

std::int64_t Team::crowded() const {
  const std::int64_t took = nanoseconds() - begin_;
  return took > kTelling && 2 * waited_.load(std::memory_order_relaxed) > (threads_ - 1) * took ? took : 0;
}

void Team::barrier() noexcept {
  if (threads_ == 1) return;
  const std::uint32_t round = round_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == threads_ - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);
  } else if (const std::int64_t waited = wait_while(round_, round, spin_)) {
    waited_.fetch_add(waited, std::memory_order_relaxed);
  }
}

void run_on_pool(int threads, Job job, void* context) {
  if (threads > 1) {
    std::unique_lock lock(mutex, std::try_to_lock);
    if (lock.owns_lock()) {
      if (!pool) {
        static const int registered = pthread_atfork(nullptr, nullptr, forget_pool_in_child);
        (void)registered;
        pool = new Pool;
      }
      return pool->run(threads, job, context);
    }
  }
  Team alone(1, 0);
  job(context, 0, alone);
}

}  // namespace likeliest
