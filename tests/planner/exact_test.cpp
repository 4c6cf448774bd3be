// Small problems: the answer is the best there is, and is proven to be.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "tests/planner/made_loads.h"

namespace bam {
namespace {

constexpr double kSame = 1e-9;

/// The least time of the slowest rank, averaged over the windows: every expert tried on every set
/// of ranks.
class BruteForce {
 public:
  explicit BruteForce(const PlacementProblem& problem)
      : problem_(problem), order_(static_cast<std::size_t>(problem.experts())) {
    const std::vector<double> means = problem.mean_loads();
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::sort(order_.begin(), order_.end(),
              [&](std::size_t a, std::size_t b) { return means[a] > means[b]; });
    times_.resize(problem.windows.size(), std::vector<double>(problem.ranks.size()));
    held_.resize(problem.ranks.size());
  }

  double best() {
    put(0, problem_.slots - problem_.experts());
    return best_;
  }

 private:
  double worst() const {
    double sum = 0;
    for (const auto& times : times_) {
      sum += *std::max_element(times.begin(), times.end());
    }
    return sum / static_cast<double>(times_.size());
  }

  void put(std::size_t at, int spare) {
    if (worst() >= best_) {
      return;
    }
    if (at == order_.size()) {
      best_ = worst();
      return;
    }
    for (unsigned set = 1; set < 1U << held_.size(); ++set) {
      const int copies = std::popcount(set);
      if (copies - 1 <= spare && has_room(set)) {
        change(set, order_[at], 1.0 / copies, 1);
        put(at + 1, spare - (copies - 1));
        change(set, order_[at], -1.0 / copies, -1);
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
      if ((set >> rank & 1) == 0) {
        continue;
      }
      held_[rank] += count;
      for (std::size_t window = 0; window < times_.size(); ++window) {
        times_[window][rank] +=
            problem_.windows[window][expert] * share / problem_.ranks[rank].speed;
      }
    }
  }

  const PlacementProblem& problem_;
  std::vector<std::size_t> order_;          // of experts, the heaviest first
  std::vector<std::vector<double>> times_;  // [window][rank]
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

/// More windows for the problem: other loads, the same once more, or some experts without any.
void add_windows(PlacementProblem& problem, int windows, Draw& draw) {
  const int experts = problem.experts();
  while (problem.window_count() < windows) {
    switch (draw.whole(0, 3)) {
      case 0:
        problem.windows.push_back(problem.windows.front());
        break;
      case 1:
        problem.windows.push_back(draw.tokens(experts, 200));
        break;
      default:
        problem.windows.push_back(draw.lognormal(experts, draw.uniform() * 2));
    }
  }
}

TEST(Exact, EqualsBruteForceOverSeveralWindows) {
  Draw draw(4);
  for (int i = 0; i < 400; ++i) {
    PlacementProblem problem = small_problem(draw);
    add_windows(problem, draw.whole(2, 5), draw);
    if (i % 4 == 0) {
      for (RankRoom& rank : problem.ranks) {
        rank.speed = draw.whole(1, 3);
      }
    }
    const LayerPlan plan = place(problem);
    const double best = BruteForce(problem).best();
    ASSERT_NEAR(plan.certificate.worst, best, kSame * best) << "problem " << i;
    ASSERT_NEAR(plan.certificate.bound, best, kSame * best) << "problem " << i;
    ASSERT_EQ(faults_of(plan, problem), "") << "problem " << i;
  }
}

// Soft routing sends every token to each attention expert, so that these are alike.
TEST(Exact, ProvesExpertsThatAreAlikeOverSeveralWindows) {
  Draw draw(5);
  for (int i = 0; i < 100; ++i) {
    PlacementProblem problem;
    for (int window = 0; window < 3; ++window) {
      std::vector<double> loads(3, 150.0);
      const std::vector<double> ffn = draw.tokens(3, 300);
      loads.insert(loads.end(), ffn.begin(), ffn.end());
      problem.windows.push_back(loads);
    }
    problem.slots = 6 + draw.whole(0, 2);
    problem.ranks = equal_ranks(2, problem.slots);
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

TEST(Exact, ProvesUpTo16ExpertsOverSeveralWindowsWithinASecond) {
  struct Size {
    int experts, ranks, slots;
  };
  Draw draw(6);
  double slowest = 0;
  for (const Size size : {Size{12, 4, 12}, Size{12, 8, 16}, Size{16, 2, 16}, Size{16, 8, 16}}) {
    for (const double swing : {0.05, 1.0}) {
      const auto base = draw.lognormal(size.experts, 0.8);
      PlacementProblem problem = problem_of(base, size.ranks, size.slots);
      for (int window = 1; window < 3; ++window) {
        auto& loads = problem.windows.emplace_back(base);
        for (double& load : loads) {
          load *= std::exp(swing * draw.normal());
        }
      }
      const double before = processor_seconds();
      const LayerPlan plan = place(problem);
      slowest = std::max(slowest, processor_seconds() - before);
      EXPECT_LE(plan.certificate.gap(), kSame) << size.experts << " experts, " << size.ranks;
      EXPECT_EQ(faults_of(plan, problem), "") << size.experts << " experts, " << size.ranks;
    }
  }
  std::cout << "slowest: " << slowest << " s\n";
  EXPECT_LE(slowest, 1.0);
}

}  // namespace
}  // namespace bam
