// F2 of the faults to survive: a process that is killed while it saves, in every one of the calls
// by which it changes files, and in the middle of every write. What was saved before loads, and
// nothing half-written is taken for a checkpoint.
#include <gtest/gtest.h>

#include <algorithm>

#include "io/checkpoint_reader.h"
#include "io/text_file.h"
#include "tests/faults/fault_report.h"
#include "tests/faults/filled_run.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"
#include "tests/launch/program.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr int kKilled = 128 + SIGKILL;
constexpr std::int64_t kOld = 2;  // the newest checkpoint before the save

/// The wrong values of a checkpoint: none where it is that of its step.
std::int64_t wrong_values(const CheckpointReader& reader) {
  std::int64_t wrong = 0;
  std::vector<float> values;
  for (const ParameterSpec& spec : reader.specs()) {
    values.resize(static_cast<std::size_t>(spec.elements()));
    for (const StateKind kind : kStateKinds) {
      reader.read(kind, spec, 0, spec.elements(), values);
      for (std::int64_t i = 0; i < spec.elements(); ++i) {
        const float wanted = stored_value(static_cast<double>(reader.step()), kind, spec, i);
        wrong += values[static_cast<std::size_t>(i)] == wanted ? 0 : 1;
      }
    }
  }
  return wrong;
}

bool is_whole(const fs::path& checkpoint, std::int64_t step) {
  const CheckpointReader reader(checkpoint);
  return reader.step() == step && wrong_values(reader) == 0;
}

/// Every folder that anyone could take for a checkpoint is one.
bool holds_nothing_partial(const fs::path& run) {
  return std::ranges::all_of(steps_in(run), [&](std::int64_t step) {
    const fs::path folder = run / step_folder(step);
    return !is_file(folder / kManifestFile) || is_whole(folder, step);
  });
}

bool has_drafts(const fs::path& run) {
  for (const auto& entry : fs::directory_iterator(run)) {
    if (entry.path().extension() == ".partial") {
      return true;
    }
  }
  return false;
}

/// Steps 1 and kOld are saved; then saving `step` is killed at every call, one run after the other.
class KilledSave : public testing::TestWithParam<std::tuple<const char*, std::int64_t>> {
 protected:
  static const char* kind() { return std::get<0>(GetParam()); }
  static std::int64_t step() { return std::get<1>(GetParam()); }

  Outcome save_killed_at(const fs::path& run, int call) const {
    ChildCommand command{{BAM_ONE_SAVE, run, std::to_string(step())}, {}};
    command.environment = {{"LD_PRELOAD", BAM_FILE_FAULT},
                           {"BAM_FAULT", kind()},
                           {"BAM_FAULT_FOLDER", run},
                           {"BAM_FAULT_AT", std::to_string(call)},
                           {"OMP_NUM_THREADS", "1"}};
    return outcome_of(command);
  }
};

TEST_P(KilledSave, LeavesWhatWasSavedBefore) {
  const TemporaryFolder folder;
  save_filled(folder / "before", 1);
  save_filled(folder / "before", kOld);
  FaultTally tally(
      {.fault = "F2",
       .injection = message_of("a save, ", step() == kOld ? "over an old one, " : "", "killed ",
                               kind() == std::string("torn") ? "amid each write" : "at each call"),
       .goal = "the old one loads, 0 partial"});
  int call = 0;
  for (int code = kKilled; code == kKilled;) {
    const fs::path run = folder / "run";
    fs::remove_all(run);
    fs::copy(folder / "before", run, fs::copy_options::recursive);
    const Outcome outcome = save_killed_at(run, ++call);
    code = outcome.code;
    SCOPED_TRACE(message_of("killed in call ", call));
    ASSERT_TRUE(code == kKilled || code == 0) << code << outcome.err;
    const std::int64_t loads = CheckpointReader(run).step();
    EXPECT_TRUE(code == 0 ? loads == step() : loads == kOld || loads == step()) << loads;
    const bool is_good = is_whole(run, loads) && holds_nothing_partial(run);
    EXPECT_TRUE(is_good);
    if (code == kKilled) {
      tally.add({.detected = is_good, .bad_accepted = !is_good, .seconds = {}, .steps_lost = {}});
    }
    save_filled(run, step() + 1);
    EXPECT_TRUE(is_whole(run, step() + 1));
    EXPECT_FALSE(has_drafts(run));
  }
  EXPECT_GT(tally.trials(), 50);
}

INSTANTIATE_TEST_SUITE_P(AtEveryCall, KilledSave,
                         testing::Combine(testing::Values("kill", "torn"),
                                          testing::Values(kOld + 1, kOld)),
                         [](const auto& instance) {
                           const bool replaces = std::get<1>(instance.param) == kOld;
                           return std::string(std::get<0>(instance.param)) +
                                  (replaces ? "_replacing" : "_new");
                         });

}  // namespace
}  // namespace bam
