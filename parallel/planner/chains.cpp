#include "parallel/planner/chains.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "parallel/planner/chain_partition.h"
#include "parallel/planner/local_search.h"

namespace bam {
namespace {

/// What a chain has not yet put on a rank.
struct Rest {
  double load;
  int expert;
};

double sum(const std::vector<Rest>& rests, const std::vector<std::size_t>& which) {
  double total = 0;
  for (const std::size_t at : which) {
    total += rests[at].load;
  }
  return total;
}

/// Positions of `count` of the rests, ascending by load, that together reach `time`, while without
/// the one at `last` they stay below. Goes from the smallest to the largest, one exchange at a
/// time.
struct Handful {
  std::vector<std::size_t> taken;
  std::size_t last = 0;
};

Handful handful(const std::vector<Rest>& rests, std::size_t count, double time) {
  Handful hand;
  hand.taken.resize(count);
  std::iota(hand.taken.begin(), hand.taken.end(), std::size_t{0});
  hand.last = count - 1;
  for (std::size_t i = count; i-- > 0;) {
    while (sum(rests, hand.taken) < time && hand.taken[i] + (count - i) < rests.size()) {
      ++hand.taken[i];
      hand.last = i;
    }
  }
  return hand;
}

/// Fills the ranks with the chain's experts, each up to `time`, from the first rank on.
void lay(const Chain& chain, const std::vector<double>& loads, int slots, int first_rank,
         LayerPlan& plan) {
  std::vector<Rest> rests;
  double total = 0;
  for (const int expert : chain.experts) {
    rests.push_back({loads[static_cast<std::size_t>(expert)], expert});
    total += rests.back().load;
  }
  const double time = total / chain.ranks;
  const auto put = [&](const Rest& rest, double amount, int rank) {
    const double load = loads[static_cast<std::size_t>(rest.expert)];
    plan.experts[static_cast<std::size_t>(rest.expert)].push_back(
        {rank, load > 0 ? amount / load : 1.0});
  };
  for (int left = chain.ranks; left > 1 && !rests.empty(); --left) {
    const int rank = first_rank + chain.ranks - left;
    std::sort(rests.begin(), rests.end(), [](const Rest& a, const Rest& b) {
      return a.load != b.load ? a.load < b.load : a.expert < b.expert;
    });
    // As if there were experts without load to make up the number that fills all slots.
    const std::size_t idle = static_cast<std::size_t>(left * (slots - 1) + 1) - rests.size();
    rests.insert(rests.begin(), idle, Rest{0, -1});
    const Handful hand = handful(rests, static_cast<std::size_t>(slots), time);
    double room = time;
    for (std::size_t i = 0; i < hand.taken.size(); ++i) {
      Rest& rest = rests[hand.taken[i]];
      if (i != hand.last && rest.expert >= 0) {
        put(rest, rest.load, rank);
        room -= rest.load;
        rest.expert = -1;
      }
    }
    Rest& last = rests[hand.taken[hand.last]];
    if (last.expert >= 0) {
      const double amount = std::clamp(room, 0.0, last.load);
      put(last, amount, rank);
      last.load -= amount;
      last.expert = last.load <= 1e-12 * time ? -1 : last.expert;
    }
    std::erase_if(rests, [](const Rest& rest) { return rest.expert < 0; });
  }
  for (const Rest& rest : rests) {
    put(rest, rest.load, first_rank + chain.ranks - 1);
  }
}

LayerPlan plan_of(const std::vector<Chain>& chains, const PlacementProblem& problem) {
  LayerPlan plan;
  plan.experts.resize(static_cast<std::size_t>(problem.experts()));
  int rank = 0;
  for (const Chain& chain : chains) {
    lay(chain, problem.mean_loads(), problem.ranks.front().slots, rank, plan);
    rank += chain.ranks;
  }
  return plan;
}

/// Ranks of each chain, where as few chains as the slots ask for are made: hot experts get chains
/// that are long enough for them, the rest is divided evenly. Empty: it does not work out.
std::vector<int> chain_lengths(const PlacementProblem& problem, double bound) {
  const int chains = std::max(1, problem.experts() + problem.rank_count() - problem.slots);
  std::vector<double> loads = problem.mean_loads();
  std::sort(loads.begin(), loads.end(), std::greater<>());
  std::vector<int> lengths;
  int left = problem.rank_count();
  while (static_cast<int>(lengths.size()) < chains) {
    const int others = chains - static_cast<int>(lengths.size());
    const int even = left / others;
    const double hot = loads[lengths.size()] / (bound * problem.ranks.front().speed);
    const int length = std::max(even, static_cast<int>(std::ceil(hot * (1 - 1e-12))));
    if (length == 0 || length > left - (others - 1)) {
      return {};
    }
    lengths.push_back(length);
    left -= length;
  }
  lengths.back() += left;
  return lengths;
}

/// Which experts go together is a placement too: chains are its ranks.
std::vector<Chain> searched_chains(const PlacementProblem& problem, double bound,
                                   std::int64_t steps) {
  PlacementProblem packing;
  packing.windows = {problem.mean_loads()};
  packing.slots = problem.experts();
  for (const int length : chain_lengths(problem, bound)) {
    packing.ranks.push_back(
        {length * (problem.ranks.front().slots - 1) + 1, static_cast<double>(length)});
  }
  if (packing.ranks.empty()) {
    return {};
  }
  const double least = bound * problem.ranks.front().speed;
  const Draft draft = searched(packing, least, {least * (1 + 1e-6), steps, 1});
  std::vector<Chain> chains;
  for (int chain = 0; chain < packing.rank_count(); ++chain) {
    const auto experts = draft.experts_on(chain);
    chains.push_back({{experts.begin(), experts.end()},
                      static_cast<int>(packing.ranks[static_cast<std::size_t>(chain)].speed)});
  }
  return chains;
}

}  // namespace

std::optional<ChainAnswer> chained(const PlacementProblem& problem, double bound,
                                   std::int64_t steps) {
  const RankRoom& room = problem.ranks.front();
  if (!problem.has_equal_ranks() || problem.slots != room.slots * problem.rank_count()) {
    return std::nullopt;
  }
  if (problem.experts() <= kMostPartitionExperts) {
    const std::vector<Chain> best =
        best_chains(problem.mean_loads(), problem.rank_count(), room.slots);
    double longest = 0;
    for (const Chain& chain : best) {
      longest = std::max(longest, chain.load / chain.ranks);
    }
    return ChainAnswer{plan_of(best, problem), longest / room.speed};
  }
  const std::vector<Chain> chains = searched_chains(problem, bound, steps);
  if (chains.empty()) {
    return std::nullopt;
  }
  return ChainAnswer{plan_of(chains, problem), 0};
}

}  // namespace bam
