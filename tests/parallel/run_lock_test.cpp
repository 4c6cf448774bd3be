// A run folder's lock under several ranks: rank 0 takes it, all agree.
#include "io/run_lock.h"

#include <gtest/gtest.h>

#include <cstring>

#include "runtime/check.h"
#include "tests/parallel/ranks.h"
#include "tests/parallel/shared_folder.h"

namespace bam {
namespace {

using testing::SharedFolder;

TEST(RunLock, RankZeroHoldsItForAll) {
  Memory memory;
  Stream stream(memory);
  CommunicatorPeers peers(stream, testing::world());
  const SharedFolder folder(peers);
  const std::optional<RunLock> lock = lock_run(peers, folder.path());
  EXPECT_EQ(lock.has_value(), peers.rank() == 0);
  EXPECT_THROW(RunLock{folder.path()}, BadInput);
  peers.broadcast("");  // nobody lets go before all have tried
}

TEST(RunLock, EveryRankIsRefusedWhereItIsTaken) {
  Memory memory;
  Stream stream(memory);
  CommunicatorPeers peers(stream, testing::world());
  const SharedFolder folder(peers);
  {
    const std::optional<RunLock> first = lock_run(peers, folder.path());
    try {
      lock_run(peers, folder.path());
      FAIL() << "taken twice";
    } catch (const BadInput& error) {
      EXPECT_NE(std::strstr(error.what(), "is in use by host "), nullptr) << error.what();
    }
  }
  EXPECT_EQ(lock_run(peers, folder.path()).has_value(), peers.rank() == 0);
}

TEST(RunLock, AFolderThatCannotBeLockedIsAnErrorOnEveryRank) {
  Memory memory;
  Stream stream(memory);
  CommunicatorPeers peers(stream, testing::world());
  EXPECT_THROW(lock_run(peers, "/dev/null/run"), BadInput);
}

}  // namespace
}  // namespace bam
