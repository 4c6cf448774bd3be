#include "model/division.h"

#include <gtest/gtest.h>

#include <numeric>

#include "model/attention_division.h"
#include "model/dispatch.h"
#include "runtime/random.h"

namespace bam::testing {
namespace {

using Counts = std::vector<std::vector<std::int64_t>>;  // [rank][copy]

Counts counts_of(const Division& division) {
  Counts counts;
  for (const std::vector<ItemRange>& ranges : division.of_rank) {
    counts.emplace_back();
    for (const ItemRange& range : ranges) {
      counts.back().push_back(range.count());
    }
  }
  return counts;
}

Counts divided(const Replicas& replicas, const std::vector<std::int64_t>& items) {
  return counts_of(divide(replicas, items));
}

TEST(Divide, GivesASingleCopyEverything) {
  EXPECT_EQ(divided({{1, 1.0}}, {3, 0, 5}), (Counts{{3}, {0}, {5}}));
}

TEST(Divide, KeepsARanksItemsAtHomeWhereItsShareAllows) {
  EXPECT_EQ(divided({{0, 0.5}, {1, 0.5}}, {4, 4}), (Counts{{4, 0}, {0, 4}}));
  EXPECT_EQ(divided({{0, 0.5}, {1, 0.5}}, {6, 2}), (Counts{{4, 2}, {0, 2}}));
  EXPECT_EQ(divided({{0, 0.75}, {2, 0.25}}, {1, 2, 5}), (Counts{{1, 0}, {2, 0}, {3, 2}}));
}

TEST(Divide, RoundsSharesToWholeItems) {
  const Replicas thirds = {{0, 1.0 / 3}, {1, 1.0 / 3}, {2, 1.0 / 3}};
  EXPECT_EQ(divided(thirds, {0, 0, 7}), (Counts{{0, 0, 0}, {0, 0, 0}, {2, 3, 2}}));
  EXPECT_EQ(divided({{0, 0.5}, {1, 0.5}}, {1, 0}), (Counts{{1, 0}, {0, 0}}));
  EXPECT_EQ(divided({{0, 0.5}, {1, 0.5}}, {0, 1}), (Counts{{0, 0}, {1, 0}}));
  EXPECT_EQ(divided({{0, 0.0}, {1, 1.0}}, {2, 2}), (Counts{{0, 2}, {0, 2}}));
  EXPECT_EQ(divided({{0, 0.5}, {1, 0.5}}, {0, 0}), (Counts{{0, 0}, {0, 0}}));
}

// A number below `end`, another each time.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed, "division") {}
  std::int64_t below(std::int64_t end) {
    return static_cast<std::int64_t>(random_.uniform(at_++) * static_cast<double>(end));
  }

 private:
  Random random_;
  std::uint64_t at_ = 0;
};

Replicas random_replicas(Draw& draw, int ranks) {
  Replicas replicas;
  double parts = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    if (draw.below(2) == 0 || (replicas.empty() && rank == ranks - 1)) {
      replicas.push_back({rank, static_cast<double>(1 + draw.below(9))});
      parts += replicas.back().share;
    }
  }
  for (Replica& replica : replicas) {
    replica.share /= parts;
  }
  return replicas;
}

TEST(Divide, CoversEveryItemOnceAndKeepsToTheShares) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Draw draw(seed);
    const int ranks = 1 + static_cast<int>(draw.below(6));
    const Replicas replicas = random_replicas(draw, ranks);
    std::vector<std::int64_t> items;
    for (int rank = 0; rank < ranks; ++rank) {
      items.push_back(draw.below(30));
    }
    const Division division = divide(replicas, items);
    const auto total = std::accumulate(items.begin(), items.end(), std::int64_t{0});
    std::vector<std::int64_t> done(replicas.size());
    for (std::size_t rank = 0; rank < items.size(); ++rank) {
      std::int64_t next = 0;
      for (std::size_t copy = 0; copy < replicas.size(); ++copy) {
        const ItemRange range = division.of_rank[rank][copy];
        EXPECT_EQ(range.begin, next);
        EXPECT_GE(range.count(), 0);
        next = range.end;
        done[copy] += range.count();
      }
      EXPECT_EQ(next, items[rank]);
    }
    for (std::size_t copy = 0; copy < replicas.size(); ++copy) {
      EXPECT_NEAR(static_cast<double>(done[copy]),
                  replicas[copy].share * static_cast<double>(total), 1.0 + 1e-9);
    }
  }
}

TEST(AttentionDivision, BringsEverySequenceToEveryExpertOnce) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Draw draw(seed);
    const int ranks = 1 + static_cast<int>(draw.below(5));
    std::vector<Replicas> experts;
    std::vector<std::int64_t> sequences;
    for (int j = 0; j < 4; ++j) {
      experts.push_back(random_replicas(draw, ranks));
    }
    for (int rank = 0; rank < ranks; ++rank) {
      sequences.push_back(draw.below(8));
    }
    const AttentionDivision division(experts, sequences);
    const int pieces = 1 + static_cast<int>(draw.below(3));
    for (int source = 0; source < ranks; ++source) {
      std::vector<std::vector<int>> seen(  // [sequence][expert]
          static_cast<std::size_t>(sequences[static_cast<std::size_t>(source)]),
          std::vector<int>(experts.size()));
      for (int holder = 0; holder < ranks; ++holder) {
        for (const SequencePart& part : division.between(source, holder, pieces)) {
          for (std::int64_t s = part.sequences.begin; s < part.sequences.end; ++s) {
            for (const int expert : part.experts) {
              EXPECT_TRUE(is_on(experts[static_cast<std::size_t>(expert)], holder));
              ++seen.at(static_cast<std::size_t>(s)).at(static_cast<std::size_t>(expert));
            }
          }
        }
      }
      for (const std::vector<int>& of_sequence : seen) {
        EXPECT_EQ(of_sequence, std::vector<int>(experts.size(), 1));
      }
    }
  }
}

// Rank 1 of 3 holds e0 (with rank 0, in equal parts) and e2 alone; e1 is rank 2's.
TEST(PlanDispatch, SendsAnExpertsRowsToItsCopies) {
  const std::vector<Replicas> experts = {{{0, 0.5}, {1, 0.5}}, {{2, 1.0}}, {{1, 1.0}}};
  const std::vector<std::int32_t> counts = {2, 1, 1,  // of rank 0 for each expert
                                            8, 3, 2,  //
                                            0, 0, 4};
  const DispatchPlan plan = plan_dispatch(experts, 3, 1, counts);
  // Of the ten rows for e0 five are each copy's: rank 0 keeps its two and takes three of rank 1's.
  ASSERT_EQ(plan.outgoing.size(), 2U);
  EXPECT_EQ(plan.outgoing[0].peer, 0);
  EXPECT_EQ(plan.outgoing[0].begin, 0);
  EXPECT_EQ(plan.outgoing[0].end, 3);
  EXPECT_EQ(plan.outgoing[1].peer, 2);
  EXPECT_EQ(plan.outgoing[1].begin, 8);
  EXPECT_EQ(plan.outgoing[1].end, 11);
  ASSERT_EQ(plan.own.size(), 2U);
  EXPECT_EQ(plan.own[0].begin, 3);
  EXPECT_EQ(plan.own[0].end, 8);
  EXPECT_EQ(plan.own[1].begin, 11);
  EXPECT_EQ(plan.own[1].end, 13);
  EXPECT_EQ(plan.arrivals[0].count(), 0);
  EXPECT_EQ(plan.arrivals[1].count(), 5);
  EXPECT_EQ(plan.arrival_count(), 5);
}

}  // namespace
}  // namespace bam::testing
