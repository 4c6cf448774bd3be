#include "parallel/planner/verify/verifier.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include "parallel/planner/verify/recheck.h"

namespace bam {
namespace {

/// Shares and times are given as decimals and added up in some order.
constexpr double kRounding = 1e-9;

bool are_same(double a, double b) {
  return std::abs(a - b) <= kRounding * std::max(std::abs(a), std::abs(b));
}

class Checks {
 public:
  Checks(const LayerPlan& plan, const PlacementProblem& problem) : plan_(plan), problem_(problem) {}

  template <class... Parts>
  void expect(bool ok, const Parts&... parts) {
    if (!ok) {
      std::ostringstream text;
      (text << ... << parts);
      verdict_.faults.push_back(text.str());
    }
  }

  void replicas() {
    expect(plan_.experts.size() == problem_.windows.front().size(), plan_.experts.size(),
           " experts where the loads have ", problem_.windows.front().size());
    for (std::size_t expert = 0; expert < plan_.experts.size(); ++expert) {
      expect(!plan_.experts[expert].empty(), "expert ", expert, " has no replica");
      ranks_of(expert);
      shares_of(expert);
    }
  }

  void slots() {
    std::vector<int> held(problem_.ranks.size());
    int total = 0;
    for (const auto& replicas : plan_.experts) {
      for (const Replica& replica : replicas) {
        ++held[static_cast<std::size_t>(replica.rank)];
        ++total;
      }
    }
    for (std::size_t rank = 0; rank < held.size(); ++rank) {
      expect(held[rank] <= problem_.ranks[rank].slots, "rank ", rank, " holds ", held[rank],
             " replicas and has ", problem_.ranks[rank].slots, " slots");
    }
    expect(total <= problem_.slots, total, " replicas where there are ", problem_.slots, " slots");
  }

  void nodes() {
    if (problem_.group == 0 || problem_.nodes < 2) {
      return;
    }
    const int ranks_per_node = static_cast<int>(problem_.ranks.size()) / problem_.nodes;
    for (std::size_t expert = 0; expert < plan_.experts.size(); ++expert) {
      const std::size_t first = expert - expert % static_cast<std::size_t>(problem_.group);
      const int home = plan_.experts[first].front().rank / ranks_per_node;
      for (const Replica& replica : plan_.experts[expert]) {
        expect(replica.rank / ranks_per_node == home, "expert ", expert, " is on rank ",
               replica.rank, ", its group on node ", home);
      }
    }
  }

  void time() {
    double sum = 0;
    for (const auto& loads : problem_.windows) {
      std::vector<double> times(problem_.ranks.size());
      for (std::size_t expert = 0; expert < loads.size(); ++expert) {
        for (const Replica& replica : plan_.experts[expert]) {
          const auto rank = static_cast<std::size_t>(replica.rank);
          times[rank] += loads[expert] * replica.share / problem_.ranks[rank].speed;
        }
      }
      sum += *std::max_element(times.begin(), times.end());
    }
    const double worst = sum / static_cast<double>(problem_.windows.size());
    expect(are_same(worst, plan_.certificate.worst), "the slowest rank takes ", worst,
           " where the certificate says ", plan_.certificate.worst);
  }

  void bound(std::int64_t steps) {
    const Certificate& certificate = plan_.certificate;
    expect(certificate.bound <= certificate.worst * (1 + kRounding), "the bound ",
           certificate.bound, " is above the placement's own ", certificate.worst);
    // A placement exactly at the bound is allowed, one below it must be impossible.
    switch (recheck(problem_, certificate.proof, certificate.bound * (1 - kRounding), steps)) {
      case Recheck::kImpossible:
        return;
      case Recheck::kPossible:
        expect(false, "the bound ", certificate.bound, " does not follow from its proof");
        return;
      case Recheck::kTooLong:
        expect(false, "the bound ", certificate.bound, " could not be checked in ", steps,
               " steps");
    }
  }

  Verdict verdict() const { return verdict_; }

 private:
  void ranks_of(std::size_t expert) {
    std::set<int> ranks;
    for (const Replica& replica : plan_.experts[expert]) {
      expect(replica.rank >= 0 && replica.rank < static_cast<int>(problem_.ranks.size()), "expert ",
             expert, ": rank ", replica.rank, " of ", problem_.ranks.size());
      expect(ranks.insert(replica.rank).second, "expert ", expert, " is on rank ", replica.rank,
             " twice");
    }
  }

  void shares_of(std::size_t expert) {
    double sum = 0;
    for (const Replica& replica : plan_.experts[expert]) {
      const double equal = 1.0 / static_cast<double>(plan_.experts[expert].size());
      expect(replica.share >= 0 && replica.share <= 1, "expert ", expert, ": share ",
             replica.share);
      expect(problem_.shares == SharePolicy::kFree || are_same(replica.share, equal), "expert ",
             expert, ": share ", replica.share, " where equal shares are ", equal);
      sum += replica.share;
    }
    expect(are_same(sum, 1), "expert ", expert, ": shares add up to ", sum);
  }

  const LayerPlan& plan_;
  const PlacementProblem& problem_;
  Verdict verdict_;
};

}  // namespace

Verdict verify(const LayerPlan& plan, const PlacementProblem& problem, std::int64_t steps) {
  Checks checks(plan, problem);
  checks.replicas();
  if (!checks.verdict().holds()) {
    return checks.verdict();  // the rest would not know where to look
  }
  checks.slots();
  checks.nodes();
  checks.time();
  checks.bound(steps);
  return checks.verdict();
}

}  // namespace bam
