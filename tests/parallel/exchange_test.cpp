#define OMPI_SKIP_MPICXX 1
#include <gtest/gtest.h>
#include <mpi.h>

#include <numeric>

#include "parallel/group_exchange.h"
#include "parallel/layout.h"
#include "tests/parallel/ranks.h"
#include "tests/runtime/tensors.h"

namespace bam::testing {
namespace {

class ExchangeTest : public ::testing::Test {
 protected:
  // (rows, 3) fp32, all `value`.
  Tensor rows(std::int64_t count, float value) {
    Tensor out(stream_, {count, 3}, DType::kFloat32);
    fill(stream_, out, value);
    return out;
  }
  // Rank `from` sends `to` this many rows: from + 2 * to, none to the last rank.
  std::int64_t count(int from, int to) const {
    return to == world().size() - 1 ? 0 : from + 2 * to;
  }

  Memory memory_{kind_under_test()};
  Stream stream_{memory_};
};

TEST_F(ExchangeTest, BringsEveryRowToItsRankWhateverTheOrderOfWaiting) {
  GroupExchange exchange(world(), Overlap::kOn);
  const int me = exchange.rank();
  constexpr int kGroups = 4;
  std::vector<Pending> pending;
  std::vector<std::vector<Transfer>> arrived(kGroups);
  for (int group = 0; group < kGroups; ++group) {
    std::vector<Transfer> sends;
    for (int peer = 0; peer < exchange.ranks(); ++peer) {
      if (peer != me) {
        sends.push_back({peer, rows(count(me, peer), static_cast<float>(100 * group + me))});
        arrived[group].push_back({peer, rows(count(peer, me), -1)});
      }
    }
    pending.push_back(exchange.start(stream_, sends, arrived[group]));
  }
  for (int group = kGroups - 1; group >= 0; --group) {
    pending[group].wait(stream_);
    for (const Transfer& receive : arrived[group]) {
      for (const float value : to_host<float>(stream_, receive.rows)) {
        EXPECT_EQ(value, static_cast<float>(100 * group + receive.peer));
      }
    }
  }
}

TEST_F(ExchangeTest, CountsTheBytesItSends) {
  GroupExchange exchange(world(), Overlap::kOff);
  const int next = (exchange.rank() + 1) % exchange.ranks();
  const int last = (exchange.rank() + exchange.ranks() - 1) % exchange.ranks();
  EXPECT_EQ(exchange.bytes_sent(), 0);
  exchange.start(stream_, {{next, rows(5, 1)}}, {{last, rows(5, 0)}}).wait(stream_);
  EXPECT_EQ(exchange.bytes_sent(), 5 * 3 * sizeof(float));
}

// The partner starts its side only when it has heard that this rank's start has returned, so a
// large transfer cannot be over by then. It hears by MPI itself: NCCL's
// operations are to be started in the same order everywhere.
TEST_F(ExchangeTest, LeavesATransferInFlightWhenOverlapIsOn) {
  Communicator pair = world().split(world().rank() / 2, world().rank());
  if (pair.size() == 1) {
    return;  // the last of an odd number of ranks has no partner
  }
  GroupExchange between(pair, Overlap::kOn);
  const bool is_first = pair.rank() == 0;
  const Tensor out = rows(1 << 20, 1);
  const Tensor in = rows(1 << 20, 0);
  const int other = is_first ? 1 : 0;
  between.start(stream_, {{other, out}}, {{other, in}}).wait(stream_);  // NCCL connects them
  fill(stream_, in, 0);
  stream_.synchronise();
  const int partner = world().rank() + (is_first ? 1 : -1);
  char word = 0;
  if (is_first) {
    Pending pending = between.start(stream_, {{1, out}}, {{1, in}});
    EXPECT_FALSE(pending.done());
    MPI_Send(&word, 1, MPI_CHAR, partner, 0, MPI_COMM_WORLD);
    pending.wait(stream_);
  } else {
    MPI_Recv(&word, 1, MPI_CHAR, partner, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    between.start(stream_, {{0, out}}, {{0, in}}).wait(stream_);
  }
  EXPECT_EQ(to_host<float>(stream_, in)[0], 1.0F);
}

TEST(AllReduce, GivesEveryRankTheSameBits) {
  Memory memory(kind_under_test());
  Stream stream(memory);
  std::vector<double> values = {0.1 * (world().rank() + 1), 1e16 * world().rank(), 1.0};
  world().all_reduce_sum(stream, values).wait(stream);
  std::vector<double> expected(3);
  for (int rank = 0; rank < world().size(); ++rank) {
    expected[0] += 0.1 * (rank + 1);
    expected[1] += 1e16 * rank;
    expected[2] += 1.0;
  }
  EXPECT_EQ(values, expected);
}

TEST(Layout, DealsEverySequenceOnce) {
  for (const std::int64_t total : {0, 1, 10, 12}) {
    const Layout layout(world(), 0);
    const std::vector<std::int64_t> group = layout.group_sequences(total);
    EXPECT_EQ(std::accumulate(group.begin(), group.end(), std::int64_t{0}), total);
    EXPECT_EQ(group[static_cast<std::size_t>(world().rank())], layout.sequences(total));
    EXPECT_EQ(std::accumulate(group.begin(), group.begin() + world().rank(), std::int64_t{0}),
              layout.first_sequence(total));
  }
}

TEST(Layout, RefusesGroupsThatDoNotDivideTheRanks) {
  EXPECT_THROW(Layout(world(), world().size() + 1), BadInput);
}

}  // namespace
}  // namespace bam::testing
