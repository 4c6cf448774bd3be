#pragma once

#include <boost/program_options.hpp>
#include <cstdlib>
#include <iostream>

namespace bam::bench {

/// Reads a benchmark's options. False: help was asked for, and printed; a mistake ends the program
/// with exit code 2.
inline bool read_options(int count, char** arguments,
                         const boost::program_options::options_description& known) {
  namespace options = boost::program_options;
  options::variables_map given;
  try {
    options::store(options::parse_command_line(count, arguments, known), given);
    options::notify(given);
  } catch (const options::error& error) {
    std::cerr << arguments[0] << ": " << error.what() << '\n';
    std::exit(2);
  }
  if (given.contains("help")) {
    std::cout << known;
    return false;
  }
  return true;
}

}  // namespace bam::bench
