// F13: a rank that has to share its core.
#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <thread>

#include "io/metrics_reader.h"
#include "launch/exit_codes.h"
#include "launch/mpi_launcher.h"
#include "tests/faults/fault_report.h"
#include "tests/faults/training_job.h"

namespace bam {
namespace {

bool bind_to(pid_t process, int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  return sched_setaffinity(process, sizeof cores, &cores) == 0;
}

std::vector<int> cores_of_this_process() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &allowed)) {
      cores.push_back(core);
    }
  }
  return cores;
}

/// Threads that keep a core busy while they live.
class BusyCore {
 public:
  BusyCore(int core, int threads) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this, core] {
        bind_to(0, core);
        while (!is_over_) {
        }
      });
    }
  }
  ~BusyCore() {
    is_over_ = true;
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

 private:
  std::atomic<bool> is_over_{false};
  std::vector<std::thread> threads_;
};

/// The first step at or after `from` whose metrics name rank 1 as slow; 0: none so far.
std::int64_t step_that_names_rank_1(const TrainingJob& job, std::int64_t from) {
  for (const auto& line : read_metrics(job.run() / "metrics.jsonl")) {
    for (const auto& slow : line.value("slow_ranks", nlohmann::json::array())) {
      if (slow["rank"] == 1 && line["step"] >= from) {
        return line["step"];
      }
    }
  }
  return 0;
}

// On a machine with other work to do it may take longer than 20 steps; that it takes no longer
// where noise is known is what StragglerWatch's own tests show.
TEST(F13, ARankThatSharesItsCoreIsNamed) {
  const std::vector<int> cores = cores_of_this_process();
  if (cores.size() < 2) {
    GTEST_SKIP() << "a slow rank needs a core of its own";
  }
  FaultTally tally({.fault = "F13",
                    .injection = "two other threads on a rank's core",
                    .goal = "named within 20 steps"});
  for (int i = 0; i < fault_trials(1, 10); ++i) {
    TrainingJob job(1'000'000, {"training.sequences_per_step=96"});
    Program program(job.command());
    ASSERT_TRUE(reaches_step(program, job, 1));
    const std::vector<pid_t> ranks = program.children();
    ASSERT_TRUE(bind_to(ranks[0], cores[0]) && bind_to(ranks[1], cores[1]));
    ASSERT_TRUE(reaches_step(program, job, 25));
    const std::int64_t begun = job.logged_step() + 1;
    std::int64_t named = 0;
    {
      const BusyCore busy(cores[1], 2);
      comes_true(120, [&] {
        named = step_that_names_rank_1(job, begun);
        return named > 0;
      });
    }
    tally.add({.detected = named > 0,
               .bad_accepted = false,
               .seconds = {},
               .steps_lost = named > 0 ? std::optional(named - begun + 1) : std::nullopt});
    const Outcome outcome = end_after(program, program.id(), SIGUSR1).outcome;
    EXPECT_GT(named, 0) << outcome.out << outcome.err;
  }
}

}  // namespace
}  // namespace bam
