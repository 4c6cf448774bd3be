#include "launch/checkpoint_command.h"

#include <iostream>
#include <optional>
#include <vector>

#include "io/checkpoint_format.h"
#include "io/prune_run.h"
#include "io/run_lock.h"
#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "launch/text_table.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr const char* kUsage =
    "bam checkpoint prune RUN [--keep-last K] [--keep-every N] [--dry-run]";

enum class Removal { kDone, kDry };

/// At least one stays, whatever is asked for.
Retention retention_of(const boost::program_options::variables_map& values) {
  check_input(values.contains("keep-last") || values.contains("keep-every"),
              "say what is to stay: --keep-last, --keep-every or both; usage: ", kUsage);
  Retention retention{.keep_last = 1, .keep_every = 0};
  if (values.contains("keep-last")) {
    retention.keep_last = values["keep-last"].as<std::int64_t>();
  }
  if (values.contains("keep-every")) {
    retention.keep_every = values["keep-every"].as<std::int64_t>();
    check_input(retention.keep_every > 0, "--keep-every: ", retention.keep_every,
                " where a positive number was expected");
  }
  check_input(retention.keep_last > 0, "--keep-last: ", retention.keep_last,
              " where a positive number was expected");
  return retention;
}

void print_steps(const char* what, const std::vector<std::int64_t>& steps) {
  for (const std::int64_t step : steps) {
    std::cout << step_folder(step) << ": " << what << "\n";
  }
}

void prune(const std::string& run, const Retention& retention, Removal removal) {
  check_input(has_checkpoint(run), run, ": is no run folder with checkpoints");
  std::optional<RunLock> lock;  // a training run keeps what it needs itself
  if (removal == Removal::kDone) {
    lock.emplace(run);
  }
  const PrunePlan plan = plan_prune(run, retention);
  if (removal == Removal::kDone) {
    prune_run(run, plan);
  }
  print_steps("damaged, left as it is", plan.damaged);
  print_steps("kept", plan.kept);
  print_steps(removal == Removal::kDone ? "removed" : "would be removed", plan.removed);
  std::cout << grouped(plan.bytes) << (removal == Removal::kDone ? " bytes" : " bytes would be")
            << " freed\n";
}

}  // namespace

int checkpoint_command(std::span<const std::string> arguments) {
  namespace options = boost::program_options;
  std::vector<std::string> words;
  CommandLine line{.usage = kUsage, .options = {}, .positional = {}};
  line.options.add_options()
      ("words", options::value(&words), "prune, and the run folder")
      ("keep-last", options::value<std::int64_t>(), "newest checkpoints that stay")
      ("keep-every", options::value<std::int64_t>(), "checkpoints at multiples of this step stay")
      ("dry-run", "say what would be removed, and remove nothing");
  line.positional.add("words", -1);
  const auto values = read_command_line(std::move(line), arguments);
  if (!values) {
    return kDone;
  }
  check_input(words.size() == 2 && words.front() == "prune", "usage: ", kUsage);
  prune(words.back(), retention_of(*values),
        values->contains("dry-run") ? Removal::kDry : Removal::kDone);
  return kDone;
}

}  // namespace bam
