#define OMPI_SKIP_MPICXX 1
#include <gtest/gtest.h>
#include <mpi.h>

#include <vector>

#include "tests/parallel/ranks.h"
#include "tests/runtime/tensors.h"

namespace bam::testing {
namespace {

class CommunicatorTest : public ::testing::Test {
 protected:
  Memory memory_{kind_under_test()};
  Stream stream_{memory_};
};

TEST_F(CommunicatorTest, BroadcastGivesEveryRankTheBytesOfEachRoot) {
  for (int root = 0; root < world().size(); ++root) {
    std::vector<std::byte> bytes(1000, static_cast<std::byte>(world().rank()));
    world().broadcast(stream_, bytes, root).wait(stream_);
    EXPECT_EQ(bytes, std::vector<std::byte>(1000, static_cast<std::byte>(root)));
  }
}

TEST_F(CommunicatorTest, AllGatherOrdersBytesByRank) {
  const std::vector<std::byte> own(3, static_cast<std::byte>(world().rank()));
  std::vector<std::byte> all(3 * static_cast<std::size_t>(world().size()));
  world().all_gather(stream_, own, all).wait(stream_);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(std::to_integer<std::size_t>(all[i]), i / 3);
  }
}

TEST_F(CommunicatorTest, AllGatherRefusesAPlaceOfAnotherSize) {
  const std::vector<std::byte> own(3);
  std::vector<std::byte> all(3 * static_cast<std::size_t>(world().size()) + 1);
  EXPECT_THROW(world().all_gather(stream_, own, all).wait(stream_), Error);
}

TEST_F(CommunicatorTest, SplitGroupsByColorAndOrdersByKey) {
  const Communicator backwards = world().split(0, -world().rank());
  EXPECT_EQ(backwards.rank(), world().size() - 1 - world().rank());
  Communicator parity = world().split(world().rank() % 2, world().rank());
  double members = 1;
  parity.all_reduce_sum(stream_, std::span(&members, 1)).wait(stream_);
  EXPECT_EQ(members, (world().size() + 1 - world().rank() % 2) / 2);
}

// Rank 0 enters when rank 1 has seen that the barrier is not over without it. They speak by MPI
// itself: NCCL's operations are to be started in the same order everywhere.
TEST_F(CommunicatorTest, BarrierIsOverOnlyWhenEveryRankHasStartedIt) {
  char word = 0;
  if (world().rank() == 0 && world().size() > 1) {
    MPI_Recv(&word, 1, MPI_CHAR, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  }
  Pending barrier = world().barrier(stream_);
  if (world().rank() == 1) {
    for (int look = 0; look < 1000; ++look) {
      EXPECT_FALSE(barrier.done());
    }
    MPI_Send(&word, 1, MPI_CHAR, 0, 0, MPI_COMM_WORLD);
  }
  barrier.wait(stream_);
  EXPECT_TRUE(barrier.done());
}

// More than MPI has tags, where it is MPI's.
TEST_F(CommunicatorTest, ManyGroupsStayApart) {
  const int next = (world().rank() + 1) % world().size();
  const int last = (world().rank() + world().size() - 1) % world().size();
  const std::int32_t groups = kind_under_test() == DeviceKind::kCpu ? 40000 : 200;
  int wrong = 0;
  for (std::int32_t group = 0; group < groups; ++group) {
    const Tensor out = int_tensor(stream_, {1}, {group});
    const Tensor in = int_tensor(stream_, {1}, {-1});
    world().transfer(stream_, {{next, out}}, {{last, in}}).wait(stream_);
    wrong += to_host<std::int32_t>(stream_, in)[0] != group ? 1 : 0;
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace bam::testing
