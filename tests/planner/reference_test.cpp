#include "tests/planner/reference.h"

#include <gtest/gtest.h>

#include "tests/planner/made_loads.h"

namespace bam {
namespace {

TEST(GreedyReference, DoesWhatIsKnownOfIt) {
  EXPECT_DOUBLE_EQ(GreedyReference(problem_of({5, 1}, 2, 2)).worst(), 5);
  EXPECT_DOUBLE_EQ(GreedyReference(problem_of({6, 2}, 2, 4)).worst(), 4);
  // The public layers, as the issue gives them for EPLB (none of these two has a double replica).
  EXPECT_DOUBLE_EQ(GreedyReference(problem_of(second_layer(), 8, 16)).worst(), 172);
  PlacementProblem nodes = problem_of(second_layer(), 8, 16);
  nodes.nodes = 2;
  nodes.group = 3;
  EXPECT_DOUBLE_EQ(GreedyReference(nodes).worst(), 179.5);
}

PlacementProblem any_problem(Draw& draw) {
  const int nodes = draw.whole(0, 2) == 0 ? draw.whole(2, 4) : 1;
  const int ranks = nodes * draw.whole(1, 12 / nodes);
  const int group = nodes > 1 ? draw.whole(1, 4) : 0;
  const int experts = nodes > 1 ? nodes * group * draw.whole(1, 3) : draw.whole(1, 40);
  const int per_rank = (experts + ranks - 1) / ranks + draw.whole(0, 3);
  const auto loads = draw.whole(0, 1) == 0 ? draw.tokens(experts, 1000)
                                           : draw.lognormal(experts, 2 * draw.uniform());
  PlacementProblem problem = problem_of(loads, ranks, per_rank * ranks);
  problem.nodes = nodes;
  problem.group = group;
  return problem;
}

TEST(Place, IsNeverWorseThanTheReferenceIn10000Problems) {
  Draw draw(11);
  int better = 0;
  int compared = 0;
  for (int i = 0; i < 10000; ++i) {
    const PlacementProblem problem = any_problem(draw);
    const PlaceEffort little{.search_steps = 5000, .proof_steps = 0, .gap = 1e-4, .seed = 1};
    const double worst = place(problem, little).certificate.worst;
    const double reference = GreedyReference(problem).worst();
    if (reference > 0) {
      ASSERT_LE(worst, reference * (1 + 1e-12)) << "problem " << i;
      ++compared;
      better += worst < reference * (1 - 1e-9) ? 1 : 0;
    }
  }
  std::cout << "better in " << better << " of " << compared << "\n";
  EXPECT_GT(compared, 9000);
  EXPECT_GT(better, compared / 3);
}

}  // namespace
}  // namespace bam
