// `bam`: one program, one subcommand a file. Libraries throw; here errors become exit codes.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "io/utf8.h"
#include "launch/bundled_mpi.h"
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
  out << "\nexit codes: 0 done, 1 failed, 2 bad input, 3 the last checkpoint could not be "
         "written,\n4 hung, 5 lost a rank, 6 diverged,\n"
         "130 interrupted, 143 terminated, 138 stopped by SIGUSR1\n";
}

/// A file opened while one of the three is closed would take its place, and be printed into.
void check_standard_streams() {
  check_input(fcntl(STDOUT_FILENO, F_GETFD) >= 0, "standard output: is closed");
  for (const int stream : {STDIN_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) < 0) {
      check(open("/dev/null", O_RDWR) == stream, "/dev/null: cannot stand in for a closed stream");
    }
  }
}

/// Arguments go into messages, JSON and checkpoints, which hold UTF-8 alone.
void check_arguments(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::size_t valid = valid_utf8_prefix(arguments[i]);
    check_input(valid == arguments[i].size(), "argument ", i + 1, ": not UTF-8 after \"",
                arguments[i].substr(0, valid), "\"");
  }
}

int dispatch(const std::vector<std::string>& arguments) {
  check_standard_streams();
  check_arguments(arguments);
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
  use_bundled_mpi();
  return found->run(std::span(arguments).subspan(1));
}

/// Output that could not be written (a full disk, a closed pipe) is not done.
int flushed(int code) {
  std::cout.flush();
  check_input(code != kDone || std::cout.good(), "standard output: cannot be written");
  return code;
}

}  // namespace
}  // namespace bam

int main(int count, char** values) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that went away is told of as any failed write is
  std::signal(SIGXFSZ, SIG_IGN);  // and so is a file that may not grow
  try {
    return bam::flushed(bam::dispatch({values + 1, values + count}));
  } catch (const bam::BadInput& error) {
    std::cerr << std::string("bam: ") + error.what() + "\n";  // at once: ranks share a terminal
    return bam::kBadInput;
  } catch (const std::exception& error) {
    std::cerr << std::string("bam: ") + error.what() + "\n";
    return bam::kFailed;
  }
}
