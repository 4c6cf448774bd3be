// Runs every test on every rank, on the device that BAM_TEST_DEVICE names and by the transport that
// BAM_TEST_TRANSPORT does (exit code 77 where that cannot be); a failure says on which rank it was,
// and any rank's failure is the program's. An exception that no test expects ends the job: the
// other ranks would wait for ever.
#include <gtest/gtest.h>

#include <iostream>
#include <map>

#include "parallel/world.h"
#include "runtime/check.h"
#include "tests/parallel/ranks.h"
#include "tests/runtime/tensors.h"

namespace bam::testing {
namespace {

class PrintFailures final : public ::testing::EmptyTestEventListener {
 public:
  explicit PrintFailures(int rank) : rank_(rank) {}

 private:
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (result.failed()) {
      std::cerr << "rank " << rank_ << ": " << result.file_name() << ":" << result.line_number()
                << ": " << result.message() << std::endl;
    }
  }

  int rank_;
};

struct Job {
  Communicator world;
  Communicator alone = world.split(world.rank(), 0, "alone");
  std::map<std::pair<Communicator*, int>, Layout> layouts = {};
};

Job* the_job = nullptr;

Transport transport_under_test() {
  const char* named = std::getenv("BAM_TEST_TRANSPORT");
  const std::string name = named == nullptr ? "" : named;
  return name == "nccl" ? Transport::kNccl
                        : (name == "mpi" ? Transport::kMpi : Transport::kAutomatic);
}

}  // namespace

Communicator& world() { return the_job->world; }
Communicator& alone() { return the_job->alone; }

Layout& layout_of(Communicator& ranks, int expert_parallel) {
  check(&ranks == &world() || &ranks == &alone(), "a layout of ranks that end with their test");
  return the_job->layouts.try_emplace({&ranks, expert_parallel}, ranks, expert_parallel)
      .first->second;
}

int run(const MpiSession& session) {
  GTEST_FLAG_SET(catch_exceptions, false);
  Job job{.world = world_on(session, kind_under_test(), transport_under_test())};
  the_job = &job;
  Communicator& ranks = job.world;
  auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
  if (ranks.rank() != 0) {
    delete listeners.Release(listeners.default_result_printer());
  }
  listeners.Append(new PrintFailures(ranks.rank()));
  double failed = RUN_ALL_TESTS();
  if (::testing::UnitTest::GetInstance()->skipped_test_count() > 0) {
    std::cerr << "rank " << ranks.rank() << ": tests on ranks are not to be skipped" << std::endl;
    failed = 1;
  }
  Memory memory(kind_under_test());
  Stream stream(memory);
  ranks.all_reduce_sum(stream, std::span(&failed, 1)).wait(stream);
  return failed == 0 ? 0 : 1;
}

}  // namespace bam::testing

int main(int count, char** values) {
  ::testing::InitGoogleTest(&count, values);
  const std::string obstacle = bam::obstacle_to(bam::kind_under_test());
  if (!obstacle.empty()) {
    std::cout << "skipped: " << obstacle << std::endl;
    return 77;
  }
  bam::MpiSession session;
  return session.guarded([&] { return bam::testing::run(session); });
}
