// Damaged checkpoints: none is accepted, none crashes its reader, each is named, and training would
// go on from the checkpoint before.
#include <gtest/gtest.h>

#include "tests/faults/corruption/trials.h"
#include "tests/faults/fault_report.h"

namespace bam {
namespace {

Amount amount() {
  return is_long_form() ? Amount{}
                        : Amount{.manifest_stride = 5,
                                 .bits = 600,
                                 .structure_bits = 300,
                                 .bursts = 200,
                                 .boundary_stride = 8};
}

const SpoiltRun& spoilt_run() {
  static const SpoiltRun run;
  return run;
}

/// A row of the report for each kind of damage.
void expect_refused(const std::string& fault, const std::vector<Damage>& damages) {
  for (const auto& [kind, trials] : tried(spoilt_run(), damages)) {
    FaultTally row({.fault = fault, .injection = kind, .goal = "0 accepted"});
    for (const Outcome& outcome : trials.outcomes) {
      row.add({.detected = outcome.end == Outcome::End::kRefused,
               .bad_accepted = outcome.end == Outcome::End::kAccepted,
               .seconds = outcome.seconds,
               .steps_lost = std::nullopt});
    }
    EXPECT_EQ(row.detected(), row.trials())
        << kind << ": " << testing::PrintToString(trials.failures);
    EXPECT_EQ(row.bad_accepted(), 0) << kind;
  }
}

TEST(DamagedCheckpoint, F5_FlippedBitsAreRefusedByTensorAndTile) {
  expect_refused("F5", flipped_bits(spoilt_run(), amount()));
}

TEST(DamagedCheckpoint, F6_CutLengthenedAndZeroedFilesAreRefused) {
  expect_refused("F6", cut_files(spoilt_run(), amount()));
}

TEST(DamagedCheckpoint, F7_MissingSwappedAndStaleFilesAreRefused) {
  expect_refused("F7", wrong_files(spoilt_run()));
}

TEST(DamagedCheckpoint, UndamagedOneIsGoneOnFrom) {
  const Damage none{.kind = "none",
                    .what = "nothing",
                    .named = "",
                    .make = [] {},
                    .undo = [] {},
                    .step = SpoiltRun::kNewer};
  for (const auto& [kind, trials] : tried(spoilt_run(), {none})) {
    EXPECT_TRUE(trials.failures.empty()) << testing::PrintToString(trials.failures);
  }
}

}  // namespace
}  // namespace bam
