// Numbers that are too small to have all their digits, and slow: a product of them takes a hundred times as long.
#pragma once
#include <cstdint>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace likeliest {

// While it lives, subnormal numbers count as 0 for this thread, or do not. Far components of a mixture have such
// densities, and Adam such moments of what no longer gets a gradient.
class Subnormals {
 public:
  explicit Subnormals(bool count) noexcept : before_(get()) { set(count ? before_ & ~kZero : before_ | kZero); }
  ~Subnormals() { set(before_); }
  Subnormals(const Subnormals&) = delete;
  Subnormals& operator=(const Subnormals&) = delete;

 private:
#if defined(__SSE__)
  using Register = unsigned;
  static constexpr Register kZero = 0x8040;  // results and operands
  static Register get() noexcept { return _mm_getcsr(); }
  static void set(Register value) noexcept { _mm_setcsr(value); }
#elif defined(__aarch64__)
  using Register = std::uint64_t;
  static constexpr Register kZero = Register(1) << 24;
  static Register get() noexcept {
    Register value;
    asm volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void set(Register value) noexcept { asm volatile("msr fpcr, %0" : : "r"(value)); }
#else
  using Register = unsigned;
  static constexpr Register kZero = 0;
  static Register get() noexcept { return 0; }
  static void set(Register) noexcept {}
#endif
  const Register before_;
};

}  // namespace likeliest
