// Writes one filled checkpoint of a tiny mixture, so that it can be killed in it:
//   one_save RUN STEP
// Every value is a function of the step; two checkpoints stay.
#include <cstdlib>
#include <iostream>

#include "tests/faults/filled_run.h"

int main(int count, char** values) {
  if (count != 3) {
    std::cerr << "usage: one_save RUN STEP\n";
    return 2;
  }
  try {
    bam::save_filled(values[1], std::atol(values[2]));
  } catch (const std::exception& error) {
    std::cerr << "one_save: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
