#include "launch/jobs.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "io/checkpoint_format.h"
#include "io/run_lock.h"
#include "io/text_file.h"
#include "launch/exit_codes.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

bool holds(const fs::path& stamp, const std::string& hash) {
  return fs::exists(stamp) && read_file(stamp) == hash;
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

/// Names the newest checkpoint of a job that goes on from it; else empty.
std::string progress_of(const Job& job) {
  return job.resumes && has_checkpoint(job.outputs[0]) ? read_file(job.outputs[0] / kLatestFile)
                                                       : "";
}

int after_warning(const Job& job, bool has_advanced) {
  if (!has_advanced) {
    std::cerr << "bam: " << job.name << ": was stopped before it had anything to keep; it needs a "
              << "longer time limit\n";
    return kFailed;
  }
  return kGoOn;
}

/// `crashes` counts those since the newest checkpoint.
int after_crash(const Job& job, int code, const fs::path& crashes) {
  const int before = fs::exists(crashes) ? std::atoi(read_file(crashes).c_str()) : 0;
  if (before >= kRestarts) {
    std::cerr << "bam: " << job.name << ": ended with exit code " << code << " again after "
              << before << " restarts without progress\n";
    fs::remove(crashes);
    return code;
  }
  write_file(crashes, std::to_string(before + 1));
  std::cerr << "bam: " << job.name << ": ended with exit code " << code << "; restart "
            << before + 1 << " of at most " << kRestarts << " without progress\n";
  return kGoOn;
}

/// Something that may go better another time.
bool is_crash(int code) {
  switch (code) {
    case kDone:
    case kBadInput:
    case kDiverged:
    case kInterrupted:
    case kTerminated:
    case kGoOn:
      return false;
    default:
      return true;
  }
}

int code_for_batch_system(const Job& job, int code, bool has_advanced, const fs::path& crashes) {
  if (code == kDone || has_advanced) {
    fs::remove(crashes);
  }
  if (is_crash(code)) {
    return after_crash(job, code, crashes);
  }
  return code == kGoOn ? after_warning(job, has_advanced) : code;
}

fs::path crashes_of(const Job& job, const fs::path& stamps) {
  return stamps / (job.name + ".crashes");
}

/// A job that goes on from where it was is run again when it crashes.
int run_with_restarts(const Job& job, const fs::path& stamps) {
  while (true) {
    const std::string before = progress_of(job);
    const int code = run_one(job, stamps);
    if (!job.resumes || code == kGoOn) {
      return code;
    }
    const bool has_advanced = progress_of(job) != before;
    const int next = code_for_batch_system(job, code, has_advanced, crashes_of(job, stamps));
    if (next != kGoOn) {
      return next;
    }
  }
}

}  // namespace

bool is_done(const Job& job, const fs::path& stamps) {
  for (const auto& output : job.outputs) {
    if (!fs::exists(output)) {
      return false;
    }
  }
  return holds(stamps / job.name, job.recipe_hash);
}

const Job& job_named(const std::vector<Job>& jobs, const std::string& name) {
  const auto found =
      std::find_if(jobs.begin(), jobs.end(), [&](const Job& job) { return job.name == name; });
  check_input(found != jobs.end(), "the recipe has no job ", name, "; --dry-run lists them");
  return *found;
}

int run_only(const std::vector<Job>& jobs, const std::string& name, const fs::path& stamps) {
  const Job& job = job_named(jobs, name);
  fs::create_directories(stamps);
  const RunLock lock = lock_surely(stamps, name + ".lock");
  std::cout << job.title << std::flush;
  if (is_done(job, stamps)) {
    std::cout << " - done before\n";
    return kDone;
  }
  std::cout << std::endl;
  for (const auto& input : job.after) {
    check_input(is_done(job_named(jobs, input), stamps), name, ": needs ", input,
                ", which is not done");
  }
  const std::string before = progress_of(job);
  const int code = run_one(job, stamps);
  return code_for_batch_system(job, code, progress_of(job) != before, crashes_of(job, stamps));
}

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
    const int code = run_with_restarts(job, stamps);
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
