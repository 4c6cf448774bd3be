#include "launch/plan_in_force.h"

#include <algorithm>
#include <utility>

#include "io/placement_file.h"
#include "io/plan_file.h"
#include "runtime/check.h"

namespace bam {

PlanInForce::PlanInForce(const RunConfig& config, int ranks,
                         const std::optional<StartPoint>& start) {
  std::string source = config.parallel.placement;
  check_input(source.empty() || config.model.mixture, source,
              ": for a dense model, which has no experts to place");
  const bool goes_on = (config.parallel.replan || source.empty()) && start && start->resumes;
  const proto::Placement* kept = goes_on ? start->checkpoint.placement() : nullptr;
  if (kept != nullptr && kept->ranks() == ranks) {
    plan_ = *kept;
    source = start->checkpoint.path().string() + ": placement";
  } else if (!source.empty()) {
    NamedPlacement named = read_placement_message(source);
    plan_ = std::move(named.message);
    source = std::move(named.source);
  }
  placement_ =
      plan_ ? placement_of(*plan_, config.model, ranks, source) : round_robin(config.model, ranks);
  validate(placement_, config.model);
  if (plan_ && plan_->has_terms()) {
    plan_of_message(*plan_, source);  // what a manifest holds can be read again
  }
}

void PlanInForce::may_become(const ModelPlan& plan, const Placement& placement,
                             const Placement& now) {
  std::erase_if(later_, [&](const Plan& noted) { return !(noted.placement == now); });
  later_.push_back({message_of_plan(plan), placement});
}

proto::Placement PlanInForce::message_of(const Placement& now) const {
  const auto found = std::find_if(later_.rbegin(), later_.rend(),
                                  [&](const Plan& plan) { return plan.placement == now; });
  if (found != later_.rend()) {
    return found->message;
  }
  return plan_ && now == placement_ ? *plan_ : message_of_placement(now);
}

}  // namespace bam
