#include "tests/faults/corruption/trials.h"

#include <chrono>

#include "io/whole_checkpoint.h"
#include "launch/read_apart.h"
#include "runtime/check.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

using nlohmann::json;

constexpr std::size_t kFailuresKept = 5;
constexpr std::int64_t kCrashed = -2;

/// What training would do with the run folder: the step it goes on from (-1: none), and what it
/// says.
json find_checkpoint(const std::filesystem::path& run) {
  NoPeers alone;
  std::string told;
  try {
    const auto found = newest_whole_checkpoint(
        alone, run, [&](const std::string& refusal) { told += refusal + "\n"; });
    return {{"step", found ? found->step() : -1}, {"told", told}};
  } catch (const BadInput& error) {
    return {{"step", -1}, {"told", error.what()}};
  }
}

json found_apart(const std::filesystem::path& run) {
  try {
    return read_apart(run.string(), {.cpu_seconds = 20}, [&] { return find_checkpoint(run); });
  } catch (const Error& error) {
    return {{"step", kCrashed}, {"told", error.what()}};
  }
}

Outcome::End end_of(const Damage& damage, std::int64_t step, const std::string& told) {
  if (step == kCrashed) {
    return Outcome::End::kCrashed;
  }
  if (step == SpoiltRun::kNewer && damage.step != step) {
    return Outcome::End::kAccepted;
  }
  if (step != damage.step) {
    return Outcome::End::kWrongStep;
  }
  return told.find(damage.named) == told.npos ? Outcome::End::kMisnamed : Outcome::End::kRefused;
}

void try_one(const SpoiltRun& run, const Damage& damage, Trials& trials) {
  damage.make();
  const auto start = std::chrono::steady_clock::now();
  const json found = found_apart(run.path());
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  damage.undo();
  const auto step = found["step"].get<std::int64_t>();
  const auto told = found["told"].get<std::string>();
  trials.outcomes.push_back({end_of(damage, step, told), elapsed.count()});
  if (trials.outcomes.back().end != Outcome::End::kRefused &&
      trials.failures.size() < kFailuresKept) {
    trials.failures.push_back(message_of(damage.what, ": went on from step ", step, " where ",
                                         damage.step, " and the words \"", damage.named,
                                         "\" were expected: ", told));
  }
}

}  // namespace

std::map<std::string, Trials> tried(const SpoiltRun& run, const std::vector<Damage>& damages) {
  std::map<std::string, Trials> trials;
  for (const Damage& damage : damages) {
    try_one(run, damage, trials[damage.kind]);
  }
  return trials;
}

}  // namespace bam
