#include "io/prune_run.h"

#include <gtest/gtest.h>

#include "io/checkpoint_reader.h"
#include "io/text_file.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

namespace fs = std::filesystem;
using Steps = std::vector<std::int64_t>;

void write_steps(const fs::path& run, const Steps& steps) {
  for (const std::int64_t step : steps) {
    write_filled(run, {.step = step, .config = tiny_run_config(), .tokenizer = "t", .parents = {}});
  }
}

// Of a tensor, as opening the checkpoint does not see.
void flip_a_bit(const fs::path& checkpoint) {
  const CheckpointReader whole(checkpoint);
  const auto at = static_cast<std::size_t>(whole.data_sets().at(0).offset());
  std::string bytes = read_file(checkpoint / "data.h5");
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  write_file(checkpoint / "data.h5", bytes);
}

TEST(Retention, KeepsTheLastAndTheMultiples) {
  const Steps steps = {0, 3, 5, 6, 7, 9, 10};
  EXPECT_EQ(steps_to_remove(steps, {.keep_last = 2, .keep_every = 0}), (Steps{0, 3, 5, 6, 7}));
  EXPECT_EQ(steps_to_remove(steps, {.keep_last = 1, .keep_every = 5}), (Steps{3, 6, 7, 9}));
  EXPECT_EQ(steps_to_remove(steps, {.keep_last = 0, .keep_every = 5}), Steps{});
  EXPECT_EQ(steps_to_remove(steps, {.keep_last = 9, .keep_every = 0}), Steps{});
  EXPECT_EQ(steps_to_remove({}, {.keep_last = 1, .keep_every = 0}), Steps{});
}

TEST(Retention, StepsAreThoseOfFoldersSoNamed) {
  const TemporaryFolder folder;
  for (const char* name : {"step-10", "step-2", "step-", "step-007", "step-x", "step--1", "step-3x",
                           ".step-4.partial", "latest", "x", "-"}) {
    fs::create_directories(folder / name);
  }
  EXPECT_EQ(steps_in(folder.path()), (Steps{2, 10}));
}

TEST(PruneRun, RemovesWhatThePlanSays) {
  const TemporaryFolder run;
  write_steps(run.path(), {1, 2, 3, 4, 6});
  const PrunePlan plan = plan_prune(run.path(), {.keep_last = 2, .keep_every = 3});
  EXPECT_EQ(plan.removed, (Steps{1, 2}));
  EXPECT_EQ(plan.kept, (Steps{3, 4, 6}));
  EXPECT_TRUE(plan.damaged.empty());
  EXPECT_EQ(plan.bytes, static_cast<std::int64_t>(fs::file_size(run / "step-1" / "data.h5") +
                                                  fs::file_size(run / "step-1" / "manifest")) *
                            2);
  EXPECT_EQ(steps_in(run.path()), (Steps{1, 2, 3, 4, 6}));  // a plan is no deed
  prune_run(run.path(), plan);
  EXPECT_EQ(steps_in(run.path()), (Steps{3, 4, 6}));
  EXPECT_EQ(CheckpointReader(run.path()).step(), 6);
}

TEST(PruneRun, ADamagedByteTakesNoGoodOnesPlace) {
  const TemporaryFolder run;
  write_steps(run.path(), {1, 2, 3, 4});
  flip_a_bit(run / "step-3");
  flip_a_bit(run / "step-4");
  const PrunePlan plan = plan_prune(run.path(), {.keep_last = 1, .keep_every = 0});
  EXPECT_EQ(plan.removed, Steps{1});
  EXPECT_EQ(plan.kept, Steps{2});
  EXPECT_EQ(plan.damaged, (Steps{3, 4}));
}

TEST(PruneRun, ADamagedOneTakesNoGoodOnesPlace) {
  const TemporaryFolder run;
  write_steps(run.path(), {1, 2, 3, 4});
  write_file(run / "step-3" / "manifest", "no manifest");
  write_file(run / "latest", "step-4\n");
  const PrunePlan plan = plan_prune(run.path(), {.keep_last = 2, .keep_every = 0});
  EXPECT_EQ(plan.damaged, Steps{3});
  EXPECT_EQ(plan.kept, (Steps{2, 4}));
  prune_run(run.path(), plan);
  EXPECT_EQ(steps_in(run.path()), (Steps{2, 3, 4}));
}

TEST(PruneRun, WhatLatestNamesStays) {
  const TemporaryFolder run;
  write_steps(run.path(), {1, 2, 3});
  write_file(run / "latest", "step-1\n");  // rewound
  const PrunePlan plan = plan_prune(run.path(), {.keep_last = 1, .keep_every = 0});
  EXPECT_EQ(plan.kept, (Steps{1, 3}));
  EXPECT_EQ(plan.removed, Steps{2});
}

TEST(PruneRun, WhatIsNoRun_IsRefused) {
  const TemporaryFolder folder;
  EXPECT_THROW(plan_prune(folder.path(), {.keep_last = 1, .keep_every = 0}), BadInput);
  EXPECT_THROW(plan_prune(folder / "absent", {.keep_last = 1, .keep_every = 0}), BadInput);
}

}  // namespace
}  // namespace bam
