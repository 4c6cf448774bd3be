// Preloaded into the jobs of phases_test: the first `bam` other than `bam pipeline` that finds the
// file HOLD_ONCE removes it and stops itself before it has done anything, so that a fault can meet
// a worker that lives some tens of milliseconds only.
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace {

/// glibc hands constructors what it hands main().
__attribute__((constructor)) void stop_where_held(int count, char** words) {
  const char* hold = std::getenv("HOLD_ONCE");
  const bool is_worker = hold != nullptr && count > 1 &&
                         std::string_view(program_invocation_short_name) == "bam" &&
                         std::string_view(words[1]) != "pipeline";
  if (is_worker && unlink(hold) == 0) {
    raise(SIGSTOP);
  }
}

}  // namespace
