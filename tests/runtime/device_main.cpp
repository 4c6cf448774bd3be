// Runs the tests on the device that BAM_TEST_DEVICE names; exits with 77 where it cannot be used.
#include <iostream>

#include "tests/runtime/tensors.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const std::string obstacle = bam::obstacle_to(bam::kind_under_test());
  if (!obstacle.empty()) {
    std::cout << "skipped: " << obstacle << std::endl;
    return 77;
  }
  return RUN_ALL_TESTS();
}
