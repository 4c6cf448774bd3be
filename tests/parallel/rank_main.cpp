// Runs every test on every rank; a failure says on which rank it was, and any rank's failure is the
// program's. An exception that no test expects ends the job: the other ranks would wait for ever.
#include <gtest/gtest.h>

#include <iostream>

#include "parallel/mpi_session.h"
#include "tests/parallel/ranks.h"

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

Communicator* world_of_job = nullptr;

}  // namespace

Communicator& world() { return *world_of_job; }

int run(const MpiSession& session) {
  GTEST_FLAG_SET(catch_exceptions, false);
  Communicator ranks = Communicator::world(session);
  world_of_job = &ranks;
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
  Memory memory;
  Stream stream(memory);
  ranks.all_reduce_sum(stream, std::span(&failed, 1)).wait(stream);
  return failed == 0 ? 0 : 1;
}

}  // namespace bam::testing

int main(int count, char** values) {
  ::testing::InitGoogleTest(&count, values);
  bam::MpiSession session;
  return session.guarded([&] { return bam::testing::run(session); });
}
