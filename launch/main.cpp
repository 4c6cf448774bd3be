// `bam`: one program, one subcommand a file. Libraries throw; here errors become exit codes.
#include <algorithm>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "launch/commands.h"
#include "launch/exit_codes.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr const char* kVersion = BAM_VERSION;

void print_help(std::ostream& out) {
  out << "bam - trains mixtures of experts by Branch-Attend-Mix\n\n"
         "usage: bam COMMAND [arguments]      bam COMMAND --help      bam --version\n\n";
  for (const auto& command : commands()) {
    out << "  " << std::left << std::setw(12) << command.name << command.summary << "\n";
  }
  out << "\nexit codes: 0 done, 1 failed, 2 bad input, 130 interrupted, 143 terminated\n";
}

int dispatch(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    print_help(std::cerr);
    return kBadInput;
  }
  const std::string& name = arguments.front();
  if (name == "--help" || name == "-h" || name == "help") {
    print_help(std::cout);
    return kDone;
  }
  if (name == "--version") {
    std::cout << "bam " << kVersion << "\n";
    return kDone;
  }
  const auto all = commands();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Command& command) { return command.name == name; });
  check_input(found != all.end(), name, ": there is no such command; `bam --help` lists them");
  return found->run(std::span(arguments).subspan(1));
}

/// Output that could not be written (a full disk, a closed pipe) is a failure too.
int flushed(int code) {
  std::cout.flush();
  if (code == kDone && !std::cout) {
    std::cerr << "bam: standard output cannot be written\n";
    return kFailed;
  }
  return code;
}

}  // namespace
}  // namespace bam

int main(int count, char** values) {
  try {
    return bam::flushed(bam::dispatch({values + 1, values + count}));
  } catch (const bam::BadInput& error) {
    std::cerr << "bam: " << error.what() << "\n";
    return bam::kBadInput;
  } catch (const std::exception& error) {
    std::cerr << "bam: " << error.what() << "\n";
    return bam::kFailed;
  }
}
