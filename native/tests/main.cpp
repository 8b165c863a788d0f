// The tests of the core by itself: kernels against plain loops and the C library, and the engine's promises about
// threads. They run on every instruction set of this processor, under sanitizers too.
#include <cstring>

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

int main(int count, char** arguments) {
  using namespace likeliest::tests;
  const bool quick = count > 1 && std::strcmp(arguments[1], "--quick") == 0;
  test_mathematics();
  test_likelihoods();
  test_products();
  test_optimizers();
  test_columns();
  test_gather();
  test_random();
  test_schedule();
  test_pool(quick);
  test_engine(quick);
  test_regularization(quick);
  test_columns_of_eta(quick);
  test_images(quick);
  test_augment(quick);
  test_recurrence(quick);
  test_attention(quick);
  std::printf("native: %d passed, %d failed\n", checks - failures, failures);
  return failures != 0;
}
