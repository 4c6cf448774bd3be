// Prints the fault report that the rows in a folder make, and writes it beside them.
#include <iostream>

#include "tests/faults/fault_report.h"

int main(int count, char** values) {
  if (count != 2) {
    std::cerr << "fault_table FOLDER\n";
    return 2;
  }
  std::cout << bam::write_fault_report(values[1]);
  return 0;
}
