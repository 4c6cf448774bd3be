#include "launch/jobs.h"

#include <chrono>
#include <iostream>

#include "io/text_file.h"
#include "launch/exit_codes.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

bool holds(const fs::path& stamp, const std::string& hash) {
  return fs::exists(stamp) && read_file(stamp) == hash;
}

bool is_done(const Job& job, const fs::path& stamps) {
  for (const auto& output : job.outputs) {
    if (!fs::exists(output)) {
      return false;
    }
  }
  return holds(stamps / job.name, job.recipe_hash);
}

/// Outputs are never thrown away here: a changed recipe may be a slip of the hand, a model weeks.
void set_aside_stale(const Job& job, const fs::path& begun) {
  if (holds(begun, job.recipe_hash)) {
    return;
  }
  for (const auto& output : job.outputs) {
    if (fs::exists(output)) {
      fs::path aside = output;
      aside += ".stale";
      fs::remove_all(aside);
      fs::rename(output, aside);
      std::cout << "  its recipe has changed: what was there is now " << aside.string() << "\n";
    }
  }
}

int run_one(const Job& job, const fs::path& stamps) {
  const fs::path begun = stamps / (job.name + ".begun");
  set_aside_stale(job, begun);
  fs::remove(stamps / job.name);
  write_file(begun, job.recipe_hash);
  const int code = job.run();
  if (code == kDone) {
    write_file(stamps / job.name, job.recipe_hash);
  }
  return code;
}

}  // namespace

int run_jobs(const std::vector<Job>& jobs, const fs::path& stamps) {
  fs::create_directories(stamps);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const Job& job = jobs[i];
    std::cout << "phase " << i + 1 << " of " << jobs.size() << ": " << job.title << std::flush;
    if (is_done(job, stamps)) {
      std::cout << " - done before\n";
      continue;
    }
    std::cout << std::endl;
    const auto began = std::chrono::steady_clock::now();
    const int code = run_one(job, stamps);
    if (code != kDone) {
      std::cerr << "bam: " << job.title << ": ended with exit code " << code
                << "; the same command goes on from here\n";
      return code;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::cout << "  done in " << static_cast<int>(took.count() + 0.5) << " s" << std::endl;
  }
  return kDone;
}

}  // namespace bam
