#pragma once

#include <optional>
#include <vector>

#include "io/run_config.h"
#include "launch/start_point.h"
#include "model/placement.h"
#include "parallel/planner/model_plan.h"
#include "proto/placement.pb.h"

namespace bam {

/// Where a run's experts are, with the plan that says so.
class PlanInForce {
 public:
  /// The plan of the checkpoint that a run goes on from, if it places experts anew or its config
  /// names none; else the one that the config names; else none, and experts are dealt round-robin.
  /// A checkpoint's counts only on as many ranks of an expert group, `ranks`. Throws BadInput,
  /// naming file, field and value, where a plan does not fit the model.
  PlanInForce(const RunConfig& config, int ranks, const std::optional<StartPoint>& start);

  /// As it is at the start.
  const Placement& placement() const { return placement_; }
  /// Takes note of a plan that experts may go over to, if they do, from where they are now.
  void may_become(const ModelPlan& plan, const Placement& placement, const Placement& now);
  /// For a manifest: the whole plan, with its terms, loads and certificates, that has experts where
  /// they are; without one, where they are.
  proto::Placement message_of(const Placement& now) const;

 private:
  struct Plan {
    proto::Placement message;
    Placement placement;
  };

  std::optional<proto::Placement> plan_;
  Placement placement_;
  std::vector<Plan> later_;  // noted: the one in force, unless that is plan_, and the newest
};

}  // namespace bam
