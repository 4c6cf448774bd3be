// Writes each target's seeds to FOLDER/TARGET/ and prints the targets' names: write_seeds FOLDER.
#include <iostream>

#include "io/text_file.h"
#include "tests/fuzz/input_file.h"
#include "tests/fuzz/targets.h"

int main(int count, char** words) {
  if (count != 2) {
    std::cerr << "usage: write_seeds FOLDER\n";
    return 2;
  }
  for (const bam::FuzzTarget& target : bam::fuzz_targets()) {
    const std::filesystem::path folder = std::filesystem::path(words[1]) / target.name;
    bam::make_folder(folder);
    int number = 0;
    for (const std::string& seed : target.seeds()) {
      bam::put_file(folder / ("seed-" + std::to_string(number++)), seed);
    }
    std::cout << target.name << "\n";
  }
  return 0;
}
