#include "parallel/peer_beats.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "tests/parallel/ranks.h"

namespace bam {
namespace {

using testing::world;

class PeerBeatsTest : public ::testing::Test {
 protected:
  /// Exchanges at a clock that stands still but for what is sent, until something is true.
  bool comes_true(double now, const std::function<bool()>& is_true) {
    for (int i = 0; i < 2000; ++i) {
      beats_.exchange(now);
      if (is_true()) {
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  void barrier() { world().barrier(stream_).wait(stream_); }

  Memory memory_;
  Stream stream_{memory_};
  PeerBeats beats_{stream_, world()};
};

TEST_F(PeerBeatsTest, NeighboursAreHeardAndMissedWhenTheyFallSilent) {
  EXPECT_EQ(beats_.never_heard().has_value(), world().size() > 1);
  EXPECT_FALSE(beats_.silent_for(15, 1000).has_value());  // who was never heard is not missed
  EXPECT_TRUE(comes_true(0, [&] { return !beats_.never_heard(); }));
  EXPECT_FALSE(beats_.silent_for(15, 14).has_value());
  EXPECT_EQ(beats_.silent_for(15, 16).has_value(), world().size() > 1);
  barrier();
}

TEST_F(PeerBeatsTest, EveryRankLearnsWhoEndsTheJobAndHow) {
  barrier();
  if (world().rank() == 0) {
    beats_.tell_of_end(7);
  } else {
    EXPECT_TRUE(comes_true(0, [&] { return beats_.end().has_value(); }));
    EXPECT_EQ(beats_.end()->rank, 0);
    EXPECT_EQ(beats_.end()->code, 7);
  }
  barrier();
}

TEST_F(PeerBeatsTest, WhoTakesLeaveIsNotMissed) {
  EXPECT_TRUE(comes_true(0, [&] { return !beats_.never_heard(); }));
  barrier();
  const int last = world().size() - 1;
  if (world().rank() == last) {
    beats_.take_leave();
  } else {
    EXPECT_TRUE(comes_true(0, [&] { return beats_.silent_for(15, 16) != last; }));
  }
  barrier();
}

}  // namespace
}  // namespace bam
