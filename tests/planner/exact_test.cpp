// Small problems: the answer is the best there is, and is proven to be.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "tests/planner/made_loads.h"

namespace bam {
namespace {

constexpr double kSame = 1e-9;

/// The least time of the slowest rank, every expert tried on every set of ranks.
class BruteForce {
 public:
  explicit BruteForce(const PlacementProblem& problem)
      : problem_(problem), loads_(problem.windows[0]) {
    std::sort(loads_.rbegin(), loads_.rend());
    times_.resize(problem.ranks.size());
    held_.resize(problem.ranks.size());
  }

  double best() {
    put(0, problem_.slots - problem_.experts());
    return best_;
  }

 private:
  void put(std::size_t expert, int spare) {
    const double worst = *std::max_element(times_.begin(), times_.end());
    if (worst >= best_) {
      return;
    }
    if (expert == loads_.size()) {
      best_ = worst;
      return;
    }
    for (unsigned set = 1; set < 1U << times_.size(); ++set) {
      const int copies = std::popcount(set);
      if (copies - 1 <= spare && has_room(set)) {
        change(set, expert, 1.0 / copies, 1);
        put(expert + 1, spare - (copies - 1));
        change(set, expert, -1.0 / copies, -1);
      }
    }
  }

  bool has_room(unsigned set) const {
    for (std::size_t rank = 0; rank < held_.size(); ++rank) {
      if ((set >> rank & 1) != 0 && held_[rank] == problem_.ranks[rank].slots) {
        return false;
      }
    }
    return true;
  }

  void change(unsigned set, std::size_t expert, double share, int count) {
    for (std::size_t rank = 0; rank < held_.size(); ++rank) {
      if ((set >> rank & 1) != 0) {
        times_[rank] += loads_[expert] * share / problem_.ranks[rank].speed;
        held_[rank] += count;
      }
    }
  }

  const PlacementProblem& problem_;
  std::vector<double> loads_;
  std::vector<double> times_;
  std::vector<int> held_;
  double best_ = std::numeric_limits<double>::infinity();
};

PlacementProblem small_problem(Draw& draw) {
  const int experts = draw.whole(1, 8);
  const int ranks = draw.whole(1, 4);
  const int per_rank = draw.whole((experts + ranks - 1) / ranks, (experts + ranks - 1) / ranks + 1);
  const int slots = std::max(experts, per_rank * ranks - draw.whole(0, ranks - 1));
  const auto loads = draw.whole(0, 1) == 0 ? draw.tokens(experts, 200)
                                           : draw.lognormal(experts, draw.uniform() * 2);
  return problem_of(loads, ranks, slots);
}

TEST(Exact, EqualsBruteForceOn1000Problems) {
  Draw draw(1);
  for (int i = 0; i < 1000; ++i) {
    const PlacementProblem problem = small_problem(draw);
    const LayerPlan plan = place(problem);
    const double best = BruteForce(problem).best();
    ASSERT_NEAR(plan.certificate.worst, best, kSame * best) << "problem " << i;
    ASSERT_NEAR(plan.certificate.bound, best, kSame * best) << "problem " << i;
    ASSERT_EQ(faults_of(plan, problem), "") << "problem " << i;
  }
}

TEST(Exact, EqualsBruteForceOnUnequalRanks) {
  Draw draw(2);
  for (int i = 0; i < 200; ++i) {
    PlacementProblem problem = small_problem(draw);
    int room = 0;
    for (RankRoom& rank : problem.ranks) {
      rank.speed = draw.whole(1, 3);
      rank.slots = std::max(1, rank.slots + draw.whole(-1, 1));
      room += rank.slots;
    }
    problem.slots = std::min(problem.slots, room);
    if (problem.slots < problem.experts()) {
      continue;
    }
    const LayerPlan plan = place(problem);
    const double best = BruteForce(problem).best();
    ASSERT_NEAR(plan.certificate.worst, best, kSame * best) << "problem " << i;
    ASSERT_NEAR(plan.certificate.bound, best, kSame * best) << "problem " << i;
    ASSERT_EQ(faults_of(plan, problem), "") << "problem " << i;
  }
}

TEST(Exact, ProvesUpTo16ExpertsOn8RanksWithinASecond) {
  Draw draw(3);
  double slowest = 0;
  for (int i = 0; i < 60; ++i) {
    const int ranks = draw.whole(2, 8);
    const int experts = draw.whole(ranks, 16);
    const int most = 4 * ranks;
    const int slots = std::min(most, experts + draw.whole(0, most));
    if (slots < experts) {
      continue;
    }
    const auto problem = problem_of(draw.lognormal(experts, 0.5 + draw.uniform()), ranks, slots);
    const double before = processor_seconds();
    const LayerPlan plan = place(problem);
    slowest = std::max(slowest, processor_seconds() - before);
    EXPECT_LE(plan.certificate.gap(), kSame)
        << experts << " experts, " << slots << " slots, " << ranks;
    EXPECT_EQ(faults_of(plan, problem), "")
        << experts << " experts, " << slots << " slots, " << ranks;
  }
  RecordProperty("slowest_ms", static_cast<int>(1000 * slowest));
  std::cout << "slowest: " << slowest << " s\n";
  EXPECT_LE(slowest, 1.0);
}

}  // namespace
}  // namespace bam
