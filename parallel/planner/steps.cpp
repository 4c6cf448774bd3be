#include "parallel/planner/steps.h"

#include <algorithm>
#include <limits>

namespace bam {

using Kind = Step::Kind;

void apply(const Step& step, Draft& draft) {
  if (step.kind == Kind::kMove || step.kind == Kind::kSwap) {
    draft.remove(step.expert, step.from);
  }
  if (step.kind == Kind::kSwap || step.kind == Kind::kDrop || step.kind == Kind::kReplace) {
    draft.remove(step.other, step.to);
  }
  if (step.kind != Kind::kDrop && step.kind != Kind::kNone) {
    draft.add(step.expert, step.to);
  }
  if (step.kind == Kind::kSwap) {
    draft.add(step.other, step.from);
  }
}

int moves_of(const Step& step, const Draft& home) {
  const auto is_new = [&](int expert, int rank) { return home.holds(rank, expert) ? 0 : 1; };
  switch (step.kind) {
    case Kind::kMove:
      return is_new(step.expert, step.to) - is_new(step.expert, step.from);
    case Kind::kSwap:
      return is_new(step.expert, step.to) - is_new(step.expert, step.from) +
             is_new(step.other, step.from) - is_new(step.other, step.to);
    case Kind::kAdd:
      return is_new(step.expert, step.to);
    case Kind::kDrop:
      return -is_new(step.other, step.to);
    case Kind::kReplace:
      return is_new(step.expert, step.to) - is_new(step.other, step.to);
    default:
      return 0;
  }
}

void StepFinder::start(const Draft& draft, int rank, int window, const MoveAllowance* allowance) {
  draft_ = &draft;
  allowance_ = allowance;
  rank_ = rank;
  window_ = window;
  best_ = {};
  best_score_ = 0;
}

Step StepFinder::best(const Draft& draft, int rank, int window, const MoveAllowance* allowance) {
  start(draft, rank, window, allowance);
  for (int partner = 0; partner < draft.problem().rank_count(); ++partner) {
    if (partner != rank) {
      with_partner(partner);
    }
  }
  at_home();
  return best_;
}

Step StepFinder::division(const Draft& draft, int expert, int rank,
                          const MoveAllowance& allowance) {
  start(draft, rank, 0, &allowance);
  best_score_ = -std::numeric_limits<double>::infinity();
  for (int partner = 0; partner < draft.problem().rank_count(); ++partner) {
    if (!draft.may_take(partner, expert)) {
      continue;
    }
    if (draft.free_slots(partner) > 0 && draft.spare_slots() > 0) {
      trial_.add(draft, expert, partner);
      offer({Kind::kAdd, rank, partner, expert, 0});
    }
    for (const int other : draft.experts_on(partner)) {
      if (draft.copies(other) > 1) {
        trial_.add(draft, expert, partner);
        trial_.drop(draft, other, partner);
        offer({Kind::kReplace, rank, partner, expert, other});
      }
    }
  }
  return best_;
}

// Whether an exchange that leaves the slower of two ranks this time can still be the best one.
bool StepFinder::may_be_best(double time) const {
  return time < draft_->time(rank_)[static_cast<std::size_t>(window_)] &&
         (allowance_ != nullptr || at_stake_ - trial_.unevenness_of(time, window_) > best_score_);
}

void StepFinder::offer(Step step) {
  step.gain = trial_.gain(*draft_);
  double score = step.gain;
  if (allowance_ != nullptr) {
    const int moves = moves_of(step, *allowance_->home);
    const bool gives_up = step.kind == Kind::kDrop || step.kind == Kind::kReplace;
    if (moves > allowance_->left ||
        (gives_up && allowance_->kept[static_cast<std::size_t>(step.other)] != 0)) {
      return;
    }
    score /= std::max(0.5, static_cast<double>(moves));
  }
  if (score > best_score_) {
    best_ = step;
    best_score_ = score;
  }
}

void StepFinder::with_partner(int partner) {
  const Draft& draft = *draft_;
  const auto window = static_cast<std::size_t>(window_);
  const bool has_room = draft.free_slots(partner) > 0;
  at_stake_ = trial_.unevenness(draft, rank_) + trial_.unevenness(draft, partner);
  for (const int expert : draft.experts_on(rank_)) {
    if (!draft.may_take(partner, expert)) {
      continue;
    }
    swaps_with(partner, expert);
    const double more = draft.part(expert)[window] / draft.speed(partner);
    if (has_room && may_be_best(draft.time(partner)[window] + more)) {
      trial_.shift(draft, expert, rank_, partner);
      offer({Kind::kMove, rank_, partner, expert, 0});
    }
    if (has_room && draft.spare_slots() > 0) {
      trial_.add(draft, expert, partner);
      offer({Kind::kAdd, rank_, partner, expert, 0});
    }
  }
}

void StepFinder::swaps_with(int partner, int expert) {
  const Draft& draft = *draft_;
  const auto window = static_cast<std::size_t>(window_);
  const auto others = draft.experts_on(partner);
  looked_at_ += static_cast<std::int64_t>(others.size());
  for (const int other : others) {
    const double load = draft.part(expert)[window] - draft.part(other)[window];
    const double time = std::max(draft.time(rank_)[window] - load / draft.speed(rank_),
                                 draft.time(partner)[window] + load / draft.speed(partner));
    if (load > 0 && may_be_best(time) && draft.may_take(rank_, other)) {
      trial_.shift(draft, expert, rank_, partner);
      trial_.shift(draft, other, partner, rank_);
      offer({Kind::kSwap, rank_, partner, expert, other});
    }
    if (draft.copies(other) > 1) {
      trial_.add(draft, expert, partner);
      trial_.drop(draft, other, partner);
      offer({Kind::kReplace, rank_, partner, expert, other});
    }
  }
}

// Giving up a replica on the slow rank itself, or putting another expert's there instead.
void StepFinder::at_home() {
  const Draft& draft = *draft_;
  for (const int expert : draft.experts_on(rank_)) {
    if (draft.copies(expert) == 1) {
      continue;
    }
    trial_.drop(draft, expert, rank_);
    offer({Kind::kDrop, rank_, rank_, 0, expert});
    for (int other = 0; other < draft.problem().experts(); ++other) {
      if (other != expert && draft.may_take(rank_, other)) {
        trial_.add(draft, other, rank_);
        trial_.drop(draft, expert, rank_);
        offer({Kind::kReplace, rank_, rank_, other, expert});
      }
    }
  }
}

}  // namespace bam
