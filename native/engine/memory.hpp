// Memory for numbers: zeroed, aligned to cache lines, large pieces on huge pages.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace likeliest {

inline constexpr std::size_t kLine = 64;

template <class T>
class Memory {
 public:
  Memory() = default;
  explicit Memory(std::size_t count) : count_(count) {
    constexpr std::size_t huge = std::size_t(2) << 20;
    const std::size_t align = count * sizeof(T) >= huge ? huge : kLine;
    const std::size_t bytes = (count * sizeof(T) + align - 1) / align * align;
    data_ = static_cast<T*>(std::aligned_alloc(align, bytes ? bytes : align));
    if (!data_) throw std::bad_alloc();
#if defined(__linux__)
    if (align == huge) madvise(data_, bytes, MADV_HUGEPAGE);
#endif
    std::memset(data_, 0, bytes);
  }
  Memory(Memory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  Memory& operator=(Memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~Memory() { std::free(data_); }
  T* data() const { return data_; }
  std::size_t size() const { return count_; }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace likeliest
