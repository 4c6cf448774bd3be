// `bam` on the ranks of GPUs, started as its users start it, against the same on CPUs. The program
// is BAM_GPU_PROGRAM, which may be one for emulated GPUs, or the built one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "io/checkpoint_reader.h"
#include "io/text_file.h"
#include "runtime/device.h"
#include "tests/launch/run_comparison.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

std::string gpu_program() {
  const char* named = std::getenv("BAM_GPU_PROGRAM");
  return named == nullptr ? BAM_PROGRAM : named;
}

// Whether the program under test is the one for emulated GPUs, over a made-up NCCL.
bool is_emulated() { return gpu_program() != BAM_PROGRAM; }

// As it is told to, or by itself.
ChildCommand on_whatever_there_is(int ranks, const Words& arguments) {
  ChildCommand command = on_ranks(ranks, arguments);
  std::ranges::replace(command.words, std::string(BAM_PROGRAM), gpu_program());
  return command;
}

ChildCommand on_gpus(int ranks, Words arguments, const Words& more = {}) {
  arguments.insert(arguments.end(), {"--device", "cuda"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return on_whatever_there_is(ranks, arguments);
}

ChildCommand on_cpus(int ranks, Words arguments) {
  arguments.insert(arguments.end(), {"--device", "cpu"});
  return on_ranks(ranks, arguments);
}

class GpuProgram : public ::testing::Test {
 protected:
  static constexpr int kSteps = 4;

  Words train_into(const std::string& folder, Words assignments = {}) const {
    assignments.insert(assignments.end(), {"training.steps=4", "training.sequences_per_step=4",
                                           "data.sequence_length=16", "checkpoint.every=2"});
    return train(SmallWorld::get().expert_kv(), folder_ / folder, settings(assignments));
  }
  fs::path run(const std::string& folder) const { return folder_ / folder; }

  // Losses and norms of each step agree, but for fp32's rounding.
  void expect_close(const std::string& a, const std::string& b) const {
    for (const char* field : {"loss", "gradient_norm", "balance_loss"}) {
      const std::vector<double> first = series(run(a), field);
      const std::vector<double> second = series(run(b), field);
      ASSERT_EQ(first.size(), static_cast<std::size_t>(kSteps)) << a;
      ASSERT_EQ(second.size(), first.size()) << b;
      for (std::size_t i = 0; i < first.size(); ++i) {
        EXPECT_NEAR(first[i], second[i], 1e-4 * std::abs(first[i]))
            << field << " of step " << i + 1 << " in " << a << " and " << b;
      }
    }
  }
  void expect_same(const std::string& a, const std::string& b) const {
    expect_same_checkpoint(run(a), run(b));
    expect_same_metrics(run(a), run(b), kSteps);
  }

  // What the last checkpoint holds.
  std::string data_of(const std::string& folder) const {
    return read_file(run(folder) / "step-4" / kDataFile);
  }

  // Training waits for its checkpoints, so that a crash finds none of them on its way.
  static Words waiting() { return {"checkpoint.in_background=false"}; }

  // Ends on its own in step 3, after the checkpoint of step 2.
  static void expect_crash(ChildCommand command) {
    command.environment["BAM_DRILL"] = "crash@3";
    EXPECT_NE(outcome_of(command).code, 0);
  }

 private:
  void SetUp() override {
    const std::string obstacle = is_emulated() ? "" : obstacle_to(DeviceKind::kCuda);
    if (!obstacle.empty()) {
      GTEST_SKIP() << obstacle;
    }
  }

  TemporaryFolder folder_;
};

TEST_F(GpuProgram, TrainsOnTwoRanksAsCpusDoByEitherTransport) {
  expect_code(0, on_cpus(2, train_into("cpu")));
  expect_code(0, on_gpus(2, train_into("nccl"), {"--transport", "nccl"}));
  expect_code(0, on_gpus(2, train_into("mpi"), {"--transport", "mpi"}));
  expect_close("cpu", "nccl");
  expect_same("nccl", "mpi");
}

// NCCL is refused to ranks on CPUs.
TEST_F(GpuProgram, TakesGpusByItself) {
  Words arguments = train_into("nccl");
  arguments.insert(arguments.end(), {"--transport", "nccl"});
  expect_code(0, on_whatever_there_is(2, arguments));
  expect_code(2, on_cpus(2, arguments));
}

TEST_F(GpuProgram, TrainsOnFourRanksInTwoGroups) {
  const Words groups = {"parallel.expert_parallel=2", "training.micro_steps=2"};
  expect_code(0, on_cpus(4, train_into("cpu", groups)));
  expect_code(0, on_gpus(4, train_into("gpu", groups)));
  expect_close("cpu", "gpu");
}

TEST_F(GpuProgram, TrainsInCudaGraphsToTheSameBits) {
  Words padded = {"parallel.expert_capacity_factor=4", "training.micro_steps=2"};
  expect_code(0, on_gpus(1, train_into("usual", padded)));
  padded.push_back("parallel.cuda_graphs=true");
  expect_code(0, on_gpus(1, train_into("graphs", padded)));
  expect_same_metrics(run("usual"), run("graphs"), kSteps);
  EXPECT_TRUE(data_of("usual") == data_of("graphs"));
}

TEST_F(GpuProgram, TrainsOnTwoRanksInCudaGraphsByNcclAlone) {
  Words padded = {"parallel.expert_capacity_factor=4"};
  expect_code(0, on_gpus(2, train_into("usual", padded), {"--transport", "nccl"}));
  padded.push_back("parallel.cuda_graphs=true");
  expect_code(0, on_gpus(2, train_into("graphs", padded), {"--transport", "nccl"}));
  expect_same_metrics(run("usual"), run("graphs"), kSteps);
  EXPECT_TRUE(data_of("usual") == data_of("graphs"));
  const Outcome refused =
      expect_code(2, on_gpus(2, train_into("by mpi", padded), {"--transport", "mpi"}));
  EXPECT_NE(refused.err.find("experts are spread over ranks"), std::string::npos) << refused.err;
}

TEST_F(GpuProgram, GoesOnFromItsCheckpointToTheLastBit) {
  expect_code(0, on_gpus(2, train_into("whole", waiting())));
  expect_crash(on_gpus(2, train_into("crashed", waiting())));
  EXPECT_EQ(CheckpointReader(run("crashed")).step(), 2);
  expect_code(0, on_gpus(2, train_into("crashed", waiting())));
  expect_same("whole", "crashed");
}

TEST_F(GpuProgram, GoesOnFromACpusCheckpointAndACpuFromIts) {
  expect_code(0, on_cpus(2, train_into("cpu")));
  expect_crash(on_cpus(2, train_into("first on cpu", waiting())));
  expect_code(0, on_gpus(2, train_into("first on cpu", waiting())));
  expect_close("cpu", "first on cpu");
  expect_crash(on_gpus(2, train_into("first on gpu", waiting())));
  expect_code(0, on_cpus(2, train_into("first on gpu", waiting())));
  expect_close("cpu", "first on gpu");
}

TEST_F(GpuProgram, WritesTheSameCheckpointWhetherTrainingWaitsForIt) {
  expect_code(0, on_gpus(1, train_into("behind")));
  expect_code(0, on_gpus(1, train_into("waiting", {"checkpoint.in_background=false"})));
  EXPECT_TRUE(data_of("behind") == data_of("waiting"));
}

TEST_F(GpuProgram, SkipsAStepThatIsNotFinite) {
  ChildCommand command = on_gpus(2, train_into("poisoned"));
  command.environment["BAM_DRILL"] = "nan@2";
  expect_code(0, command);
  EXPECT_EQ(series(run("poisoned"), "skipped_steps"), (std::vector<double>{0, 1, 1, 1}));
}

TEST_F(GpuProgram, EndsWithWhatNcclSaysWhenAnotherRankIsLostToIt) {
  if (!is_emulated()) {
    GTEST_SKIP() << "only the made-up NCCL fails when it is told to";
  }
  ChildCommand command = on_gpus(2, train_into("lost"), {"--transport", "nccl"});
  command.environment["NCCL_FAKE_FAULT"] = "100";
  command.environment["NCCL_FAKE_SLOW_ABORT"] = "1";
  const Outcome outcome = expect_code(5, command);
  EXPECT_NE(outcome.err.find("NCCL: remote process exited"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("; last: step "), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace bam
