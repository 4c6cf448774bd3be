#pragma once

#include <cstdint>
#include <vector>

#include "parallel/planner/draft.h"
#include "parallel/planner/trial.h"

namespace bam {

/// A change to a draft that takes load off one rank.
struct Step {
  enum class Kind {
    kNone,
    kMove,     // `expert` from `from` to `to`
    kSwap,     // the same, and `other` from `to` to `from`
    kAdd,      // a further replica of `expert` on `to`
    kDrop,     // the replica of `other` on `to` is given up
    kReplace,  // a further replica of `expert` takes the place of the one of `other` on `to`
  };
  Kind kind = Kind::kNone;
  int from = 0, to = 0;
  int expert = 0, other = 0;
  double gain = 0;  // unevenness it takes away
};

void apply(const Step& step, Draft& draft);

/// What limits steps away from a placement that is in use.
struct MoveAllowance {
  const Draft* home = nullptr;
  int left = 0;            // replicas that may still be put where home has none of their expert
  std::vector<char> kept;  // experts of which no replica may be given up
};

/// Replicas that the step sends to ranks where home has none of their expert, less those it takes
/// back from there.
int moves_of(const Step& step, const Draft& home);

/// Finds the step that helps a slow rank most.
class StepFinder {
 public:
  explicit StepFinder(const PlacementProblem& problem, double limit = 0) : trial_(problem, limit) {}

  /// The best step that takes load off `rank` in `window`; kind kNone: none makes the draft more
  /// even. With an allowance, the step that gains most per replica sent.
  Step best(const Draft& draft, int rank, int window, const MoveAllowance* allowance = nullptr);

  /// The least harmful step that gives the expert, which is on `rank`, a further replica elsewhere,
  /// be the draft more even for it or not; kind kNone: there is none.
  Step division(const Draft& draft, int expert, int rank, const MoveAllowance& allowance);

  const Trial& trial() const { return trial_; }
  /// Steps looked at so far.
  std::int64_t looked_at() const { return looked_at_ + trial_.weighed(); }

 private:
  void start(const Draft& draft, int rank, int window, const MoveAllowance* allowance);
  void offer(Step step);
  void with_partner(int partner);
  void swaps_with(int partner, int expert);
  void at_home();
  bool may_be_best(double time) const;

  Trial trial_;
  std::int64_t looked_at_ = 0;
  const Draft* draft_ = nullptr;
  const MoveAllowance* allowance_ = nullptr;
  int rank_ = 0;
  int window_ = 0;
  double at_stake_ = 0;  // unevenness of the slow rank and its partner
  Step best_;
  double best_score_ = 0;  // gain, or gain per replica sent
};

}  // namespace bam
