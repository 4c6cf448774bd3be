// F20: a step at which the process always dies.
#include <gtest/gtest.h>

#include "io/text_file.h"
#include "launch/exit_codes.h"
#include "launch/jobs.h"
#include "tests/faults/fault_report.h"
#include "tests/faults/training_job.h"

namespace bam {
namespace {

std::string recipe(const SmallWorld& world, int crash_after) {
  return message_of(
      "name: 'loop' vocabulary: 300 evaluation_tokens: 64\n", "domains { name: 'law' files: '",
      world.text("law").string(), "' }\n",
      "base { model { d_model: 16 n_layers: 1 n_heads: 2 ffn_hidden: 16 }\n",
      "  data { sequence_length: 32 domains { name: 'law' } }\n",
      "  optimizer { learning_rate: 0.001 }\n  checkpoint { every: ", crash_after, " } }\n",
      "phases { name: 'seed' config { training { steps: 12 sequences_per_step: 4 } } }\n");
}

int times(const std::string& what, const std::string& text) {
  int count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

/// `bam pipeline run` of a seed that saves every `every` steps and always crashes at `step`.
Outcome crash_always(int step, int every) {
  const TemporaryFolder folder;
  write_file(folder / "recipe", recipe(SmallWorld::get(), every));
  ChildCommand command =
      alone({"pipeline", "run", (folder / "recipe").string(), "--runs", folder.path().string()});
  command.environment["BAM_DRILL"] = "crash@" + std::to_string(step);
  return outcome_of(command);
}

TEST(F20, AJobThatAlwaysCrashesIsStartedAgainThreeTimes) {
  FaultTally tally({.fault = "F20",
                    .injection = "a step that always crashes",
                    .goal = "3 restarts without progress, exactly"});
  for (const int every : {0, 2}) {
    const Outcome outcome = crash_always(6, every);
    const bool is_exact = times("ended with exit code 134; restart ", outcome.err) == kRestarts &&
                          times("again after 3 restarts without progress", outcome.err) == 1;
    tally.add({.detected = is_exact && outcome.code == 134,
               .bad_accepted = false,
               .seconds = {},
               .steps_lost = {}});
    EXPECT_TRUE(is_exact) << outcome.out << outcome.err;
    EXPECT_EQ(outcome.code, 134);
  }
}

}  // namespace
}  // namespace bam
