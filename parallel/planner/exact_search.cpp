#include "parallel/planner/exact_search.h"

#include <algorithm>

#include "parallel/planner/bounds.h"
#include "parallel/planner/cover_search.h"
#include "parallel/planner/window_cover.h"

namespace bam {
namespace {

/// A placement counts as better from this part on.
constexpr double kBetter = 1e-9;
constexpr int kMostExperts = 16;
constexpr int kMostRanks = 8;
constexpr int kMostProvableSlots = 5;
/// Fillings of a rank to choose from, where all have to be ruled out and where some will do.
constexpr std::size_t kMostFillings = std::size_t{1} << 19;
constexpr std::size_t kFewFillings = std::size_t{1} << 14;
/// Copies more or less than a draft has that are tried first.
constexpr int kSpread = 2;

Draft draft_of(const PlacementProblem& problem, const SmallProblem& small,
               const std::vector<std::vector<int>>& experts_on) {
  Draft draft(problem);
  for (std::size_t rank = 0; rank < experts_on.size(); ++rank) {
    for (const int expert : experts_on[rank]) {
      draft.add(expert, static_cast<int>(rank));
    }
  }
  for (const int expert : small.idle) {
    int rank = 0;
    while (draft.free_slots(rank) == 0) {
      ++rank;
    }
    draft.add(expert, rank);
  }
  draft.refresh();
  return draft;
}

/// Every number of copies that leaves the expert's part below `time`.
std::vector<std::vector<int>> all_copies(const SmallProblem& small, double time) {
  std::vector<std::vector<int>> copies;
  for (const int least : small.least_copies(time)) {
    auto& choices = copies.emplace_back();
    for (int count = least; count <= small.rank_count; ++count) {
      choices.push_back(count);
    }
  }
  return copies;
}

/// Numbers of copies close to the draft's own.
std::vector<std::vector<int>> similar_copies(const SmallProblem& small, const Draft& draft) {
  std::vector<std::vector<int>> copies;
  for (const int expert : small.experts) {
    auto& choices = copies.emplace_back();
    const int own = draft.copies(expert);
    for (int count = std::max(1, own - kSpread); count <= std::min(small.rank_count, own + kSpread);
         ++count) {
      choices.push_back(count);
    }
  }
  return copies;
}

/// What a search that finds nothing says.
enum class Finds { kSome, kAll };

/// Halves the range between bound and cost again and again, starting close to the bound, where few
/// fillings come into question. Only where the search finds all is what it did not find ruled out.
template <class Search>
void narrow(Bounded& best, const SmallProblem& small, Search& search, Finds finds,
            std::int64_t steps) {
  const PlacementProblem& problem = best.draft.problem();
  const bool is_proof = finds == Finds::kAll;
  double low = best.bound;
  double stride = (best.draft.cost() - low) / (is_proof ? 64 : 2);
  while (best.draft.cost() > low * (1 + kBetter) && stride > low * kBetter && search.can_list() &&
         search.steps() < steps) {
    const double cost = best.draft.cost();
    const double time = std::min(low + stride, cost * (1 - kBetter));
    if (const auto better = search.below(time, steps)) {
      best.draft = draft_of(problem, small, *better);
      stride = (best.draft.cost() - low) / 2;
    } else if (search.has_given_up()) {
      stride /= 4;  // closer to the bound there are fewer fillings
    } else {
      low = time < cost * (1 - kBetter) ? time : cost;
      stride *= 2;
    }
    best.bound = is_proof ? low : best.bound;
  }
}

/// What the slowest rank of each window takes in any placement.
std::vector<double> least_times(const PlacementProblem& problem) {
  std::vector<double> least;
  PlacementProblem one = problem;
  for (const auto& loads : problem.windows) {
    one.windows = {loads};
    least.push_back(lower_bound(one).time);
  }
  return least;
}

}  // namespace

bool is_small(const PlacementProblem& problem) {
  return problem.experts() <= kMostExperts && problem.rank_count() <= kMostRanks;
}

bool is_provable(const PlacementProblem& problem) {
  return is_small(problem) &&
         std::all_of(problem.ranks.begin(), problem.ranks.end(),
                     [](const RankRoom& room) { return room.slots <= kMostProvableSlots; });
}

Bounded closed(Bounded start, std::int64_t steps) {
  const PlacementProblem& problem = start.draft.problem();
  const SmallProblem small(problem);
  if (problem.window_count() > 1) {
    WindowCover all(small, least_times(problem));
    narrow(start, small, all, Finds::kAll, steps);
    return start;
  }
  CoverSearch similar(small, similar_copies(small, start.draft), kFewFillings);
  narrow(start, small, similar, Finds::kSome, steps / 4);
  CoverSearch all(small, all_copies(small, start.draft.cost()), kMostFillings);
  narrow(start, small, all, Finds::kAll, steps);
  return start;
}

}  // namespace bam
