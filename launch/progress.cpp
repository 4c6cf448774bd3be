#include "launch/progress.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace bam {
namespace {

constexpr std::chrono::seconds kQuietTime{5};

template <class... Values>
std::string formatted(const char* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

/// Under mpirun a rank's output is always a terminal, so that whoever starts it says what it is.
bool can_overwrite_lines() {
  const char* wish = std::getenv("BAM_PROGRESS");
  const bool wants_lines = wish != nullptr && std::string_view(wish) == "lines";
  return isatty(STDOUT_FILENO) == 1 && !wants_lines;
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(std::lround(seconds));
  if (whole >= 3600) {
    return formatted("%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  }
  return formatted("%ld:%02ld", whole / 60, whole % 60);
}

std::string progress_line(const StepProgress& progress) {
  return formatted("step %ld/%ld  loss %.4f  %.1fk tokens/s  %.0f GFLOP/s (%.0f %% of ceiling)",
                   static_cast<long>(progress.step), static_cast<long>(progress.steps),
                   progress.loss, progress.tokens_per_second / 1e3, progress.flops_per_second / 1e9,
                   100 * progress.flops_per_second / progress.ceiling) +
         (progress.hidden ? formatted("  hidden %.0f %%", 100 * *progress.hidden) : "") +
         (progress.saved_step > 0 ? formatted("  saved %ld", static_cast<long>(progress.saved_step))
                                  : "") +
         "  left " + duration_text(progress.seconds_left);
}

ProgressPrinter::ProgressPrinter()
    : is_terminal_(can_overwrite_lines()), next_(std::chrono::steady_clock::now()) {}

void ProgressPrinter::print(const std::string& line, bool last) {
  const auto now = std::chrono::steady_clock::now();
  if (is_terminal_) {
    std::cout << "\r\033[K" << line << (last ? "\n" : "") << std::flush;
  } else if (last || now >= next_) {
    std::cout << line << std::endl;
    next_ = now + kQuietTime;
  }
}

void ProgressPrinter::print_apart(const std::string& line) {
  std::cout << (is_terminal_ ? "\r\033[K" : "") << line << std::endl;
}

}  // namespace bam
