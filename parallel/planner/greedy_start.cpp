#include "parallel/planner/greedy_start.h"

#include <algorithm>
#include <numeric>
#include <queue>

namespace bam {
namespace {

/// The rank that is done first with the expert's part added; -1: none has room.
int quickest(const Draft& draft, int expert, double part, const std::vector<double>& loads) {
  int best = -1;
  double best_time = 0;
  for (int rank = 0; rank < draft.problem().rank_count(); ++rank) {
    const double time = (loads[static_cast<std::size_t>(rank)] + part) / draft.speed(rank);
    if (draft.free_slots(rank) > 0 && !draft.holds(rank, expert) &&
        (best < 0 || time < best_time)) {
      best = rank;
      best_time = time;
    }
  }
  return best;
}

}  // namespace

std::vector<int> greedy_copies(const std::vector<double>& loads, int slots, int most) {
  struct Claim {
    double part;
    std::size_t expert;
    bool operator<(const Claim& other) const {
      return part != other.part ? part < other.part : expert > other.expert;
    }
  };
  std::priority_queue<Claim> claims;
  for (std::size_t expert = 0; expert < loads.size(); ++expert) {
    claims.push({loads[expert], expert});
  }
  std::vector<int> copies(loads.size(), 1);
  for (int left = slots - static_cast<int>(loads.size()); left > 0 && !claims.empty();) {
    const std::size_t expert = claims.top().expert;
    claims.pop();
    if (copies[expert] < most) {
      ++copies[expert];
      --left;
      claims.push({loads[expert] / copies[expert], expert});
    }
  }
  return copies;
}

Draft packed(const PlacementProblem& problem, const std::vector<int>& copies) {
  struct Piece {
    double part;
    int expert;
    int copy;
  };
  const std::vector<double> means = problem.mean_loads();
  std::vector<Piece> pieces;
  for (int expert = 0; expert < problem.experts(); ++expert) {
    const int count = copies[static_cast<std::size_t>(expert)];
    for (int copy = 0; copy < count; ++copy) {
      pieces.push_back({means[static_cast<std::size_t>(expert)] / count, expert, copy});
    }
  }
  std::stable_sort(pieces.begin(), pieces.end(), [&](const Piece& a, const Piece& b) {
    return a.part != b.part ? a.part > b.part
                            : means[static_cast<std::size_t>(a.expert)] >
                                  means[static_cast<std::size_t>(b.expert)];
  });
  Draft draft(problem);
  std::vector<double> loads(problem.ranks.size());
  int owed = problem.experts();
  for (const Piece& piece : pieces) {
    if (piece.copy > 0 && draft.spare_slots() <= owed) {
      continue;
    }
    const int rank = quickest(draft, piece.expert, piece.part, loads);
    if (rank < 0) {
      continue;
    }
    owed -= draft.copies(piece.expert) == 0 ? 1 : 0;
    draft.add(piece.expert, rank);
    loads[static_cast<std::size_t>(rank)] += piece.part;
  }
  draft.refresh();
  return draft;
}

}  // namespace bam
