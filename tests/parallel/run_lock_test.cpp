// A run folder's lock under several ranks: rank 0 takes it, all agree.
#include "io/run_lock.h"

#include <gtest/gtest.h>

#include <cstring>

#include "runtime/check.h"
#include "tests/io/temporary_folder.h"
#include "tests/parallel/ranks.h"

namespace bam {
namespace {

/// Rank 0's folder, known to all.
class SharedFolder {
 public:
  explicit SharedFolder(CheckpointPeers& peers) {
    if (peers.rank() == 0) {
      own_.emplace();
    }
    path_ = peers.broadcast(own_ ? own_->path().string() : "");
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::optional<TemporaryFolder> own_;
  std::filesystem::path path_;
};

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
