#include "parallel/planner/migration.h"

#include <algorithm>

#include "parallel/planner/steps.h"

namespace bam {
namespace {

constexpr double kLeastGain = 1e-9;
constexpr int kHalvings = 12;

/// Brings ranks below a relative time of `limit` (0: as far down as it goes) with as many replicas
/// sent as there are `moves`.
class Migration {
 public:
  Migration(const Draft& start, double limit, int moves)
      : start_(start),
        limit_(limit),
        finder_(start.problem(), limit),
        allowance_{&start, moves,
                   std::vector<char>(static_cast<std::size_t>(start.problem().experts()))} {}

  Draft run() {
    Draft draft = start_;
    while (true) {
      const Slowest at = finder_.trial().slowest(draft);
      Step step = division(draft, at);
      if (step.kind == Step::Kind::kNone) {
        step = finder_.best(draft, at.rank, at.window, &allowance_);
        if (step.gain <= kLeastGain * finder_.trial().unevenness(draft, at.rank)) {
          draft.refresh();
          return draft;
        }
      }
      allowance_.left -= moves_of(step, start_);
      apply(step, draft);
    }
  }

 private:
  /// An expert whose part alone is over the limit has to be divided, whatever that does to others.
  Step division(const Draft& draft, const Slowest& at) {
    const auto experts = draft.experts_on(at.rank);
    if (limit_ == 0 || experts.empty()) {
      return {};
    }
    const auto window = static_cast<std::size_t>(at.window);
    const int largest = *std::max_element(experts.begin(), experts.end(), [&](int a, int b) {
      return draft.part(a)[window] < draft.part(b)[window];
    });
    const double time = draft.part(largest)[window] / draft.speed(at.rank);
    const double relative = finder_.trial().relative_time(draft, at.rank, at.window);
    if (time / draft.time(at.rank)[window] * relative <= limit_) {
      return {};
    }
    allowance_.kept[static_cast<std::size_t>(largest)] = 1;
    return finder_.division(draft, largest, at.rank, allowance_);
  }

  const Draft& start_;
  double limit_;
  StepFinder finder_;
  MoveAllowance allowance_;
};

double slowest_time(const Draft& draft) {
  const Trial trial(draft.problem());
  const Slowest at = trial.slowest(draft);
  return trial.relative_time(draft, at.rank, at.window);
}

}  // namespace

Draft migrated(const Draft& start, int moves) {
  Draft best = Migration(start, 0, moves).run();
  double low = 1;
  double high = slowest_time(best);
  for (int halving = 0; halving < kHalvings && high > low; ++halving) {
    const double limit = (low + high) / 2;
    Draft draft = Migration(start, limit, moves).run();
    (slowest_time(draft) <= limit ? high : low) = limit;
    if (draft.cost() < best.cost()) {
      best = std::move(draft);
    }
  }
  return best;
}

}  // namespace bam
