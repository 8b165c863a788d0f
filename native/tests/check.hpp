// The smallest test harness: CHECK counts, says where, and goes on.
#pragma once
#include <cstdio>

namespace likeliest::tests {

inline int checks = 0, failures = 0;

inline bool check(bool good, const char* what, const char* file, int line) {
  ++checks;
  if (!good && ++failures <= 20) std::printf("%s:%d: failed: %s\n", file, line, what);
  return good;
}

}  // namespace likeliest::tests

#define CHECK(condition) ::likeliest::tests::check(bool(condition), #condition, __FILE__, __LINE__)
