// One call at a time. A thread that already has its turn is refused a second one, which a mutex would let wait forever.
#pragma once
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace likeliest {

class Turn {
 public:
  void lock() {
    const std::thread::id me = std::this_thread::get_id();
    if (owner_.load(std::memory_order_relaxed) == me)
      throw std::logic_error("the network is in use: a likelihood cannot call the network that calls it");
    mutex_.lock();
    owner_.store(me, std::memory_order_relaxed);
  }
  void unlock() noexcept {
    owner_.store(std::thread::id(), std::memory_order_relaxed);
    mutex_.unlock();
  }

 private:
  std::mutex mutex_;
  std::atomic<std::thread::id> owner_{};
};

}  // namespace likeliest
