// The tests of the core by itself: kernels against plain loops and the C library, and the engine's promises about
// threads. They run on every instruction set of this processor, under sanitizers too.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/check.hpp"

namespace likeliest::tests {
void test_mathematics();
void test_likelihoods();
void test_products();
void test_optimizers();
void test_columns();
void test_gather();
void test_random();
void test_schedule();
void test_pool(bool quick);
void test_engine(bool quick);
void test_regularization(bool quick);
void test_columns_of_eta(bool quick);
void test_images(bool quick);
void test_augment(bool quick);
void test_recurrence(bool quick);
void test_attention(bool quick);
}  // namespace likeliest::tests

// native_tests [--quick] [NAME ...]: all of them, or those that are named.
int main(int count, char** arguments) {
  using namespace likeliest::tests;
  const std::vector<std::string> words(arguments + 1, arguments + count);
  const bool quick = std::find(words.begin(), words.end(), "--quick") != words.end();
  const bool all = words.size() == std::size_t(quick);
  const auto wanted = [&](const char* name) {
    return all || std::find(words.begin(), words.end(), name) != words.end();
  };
  if (wanted("mathematics")) test_mathematics();
  if (wanted("likelihoods")) test_likelihoods();
  if (wanted("products")) test_products();
  if (wanted("optimizers")) test_optimizers();
  if (wanted("columns")) test_columns();
  if (wanted("gather")) test_gather();
  if (wanted("random")) test_random();
  if (wanted("schedule")) test_schedule();
  if (wanted("pool")) test_pool(quick);
  if (wanted("engine")) test_engine(quick);
  if (wanted("regularization")) test_regularization(quick);
  if (wanted("columns_of_eta")) test_columns_of_eta(quick);
  if (wanted("images")) test_images(quick);
  if (wanted("augment")) test_augment(quick);
  if (wanted("recurrence")) test_recurrence(quick);
  if (wanted("attention")) test_attention(quick);
  std::printf("native: %d passed, %d failed\n", checks - failures, failures);
  return failures != 0;
}
