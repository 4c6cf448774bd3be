#include "runtime/pending.h"

#include <gtest/gtest.h>

#include "runtime/check.h"

namespace bam {
namespace {

/// What has become of work.
struct Fate {
  bool was_waited_for = false;
  bool was_abandoned = false;
  bool is_destroyed = false;
};

class Work final : public Pending::Work {
 public:
  enum class Ends { kWell, kInError };
  Work(Fate& fate, Ends ends = Ends::kWell) : fate_(fate), ends_(ends) {}
  ~Work() override { fate_.is_destroyed = true; }

  bool done() override { return false; }
  void wait(Stream& /*stream*/) override {
    fate_.was_waited_for = true;
    check(ends_ == Ends::kWell, "the line is dead");
  }
  void abandon() noexcept override { fate_.was_abandoned = true; }

 private:
  Fate& fate_;
  Ends ends_;
};

class PendingTest : public ::testing::Test {
 protected:
  Pending pending(Work::Ends ends = Work::Ends::kWell) {
    return {stream_, std::make_unique<Work>(fate_, ends)};
  }

  Fate fate_;  // outlives what the stream keeps
  Memory memory_;
  Stream stream_{memory_};
};

TEST_F(PendingTest, DroppingOneWaits) {
  { const Pending dropped = pending(); }
  EXPECT_TRUE(fate_.was_waited_for && fate_.is_destroyed);
  EXPECT_FALSE(fate_.was_abandoned);
}

TEST_F(PendingTest, AFailureOfADroppedOneIsThrownByTheNextWaitOnce) {
  { const Pending dropped = pending(Work::Ends::kInError); }
  EXPECT_TRUE(fate_.was_abandoned);
  Pending next;
  EXPECT_THROW(next.wait(stream_), Error);
  EXPECT_NO_THROW(next.wait(stream_));
  EXPECT_NO_THROW(stream_.poll());
}

TEST_F(PendingTest, AFailureOfADroppedOneIsThrownByTheNextPoll) {
  Pending overwritten = pending(Work::Ends::kInError);
  overwritten = Pending();
  EXPECT_THROW(stream_.poll(), Error);
}

TEST_F(PendingTest, NobodyWaitsWhileAnExceptionIsUnderWay) {
  const auto fail = [&] {
    const Pending in_flight = pending();
    throw Error("the disk is full");
  };
  EXPECT_THROW(fail(), Error);
  EXPECT_FALSE(fate_.was_waited_for);
  EXPECT_TRUE(fate_.was_abandoned);
  EXPECT_FALSE(fate_.is_destroyed);  // its buffers may still be written to
}

TEST_F(PendingTest, AWaitThatFailsKeepsTheBuffers) {
  const auto fail = [&] { pending(Work::Ends::kInError).wait(stream_); };
  EXPECT_THROW(fail(), Error);
  EXPECT_TRUE(fate_.was_abandoned);
  EXPECT_FALSE(fate_.is_destroyed);
}

TEST(Stream, KeepsAbandonedWorkToItsEnd) {
  Fate fate;
  {
    Memory memory;
    Stream stream(memory);
    Pending pending(stream, std::make_unique<Work>(fate));
    pending.abandon();
    EXPECT_FALSE(fate.is_destroyed);
  }
  EXPECT_TRUE(fate.is_destroyed);
}

}  // namespace
}  // namespace bam
