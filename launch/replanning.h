#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "io/checkpoint_reader.h"
#include "parallel/planner/replan.h"
#include "parallel/trainer.h"

namespace bam {

/// A placement to go over to, and the same as a plan with its certificates.
struct BetterPlacement {
  Replan found;
  ModelPlan plan;
};

/// Finds better placements while a run goes on, from what routing did since it last looked.
class Replanning {
 public:
  /// sequence_length: tokens, which attention's cost grows with.
  Replanning(const ReplanConfig& config, const ModelConfig& model, std::int64_t sequence_length);

  /// One step's routing, of all ranks; tokens: of the step.
  void count(const StepReport& report, double tokens);
  /// A placement that gains enough by what was counted, which starts anew. Every rank finds the
  /// same.
  std::optional<BetterPlacement> better_than(const Placement& current);

  /// What was counted, for a checkpoint; and as a checkpoint has it.
  std::vector<proto::ExpertLoads> counted() const;
  void go_on_from(const CheckpointReader& checkpoint);
  /// Counts anew.
  void forget();

 private:
  ReplanConfig config_;
  ReplanTerms terms_;
  std::size_t attention_experts_;
  std::size_t ffn_experts_;
  std::vector<LayerTokens> tokens_;  // of each layer
};

/// For the metrics line of the step after which experts move: gain, copies_sent.
nlohmann::json replan_json(const Replan& replan);

/// "experts placed anew in 0.3 s: 2 copies sent, the slowest ranks' work falls by 12.5 %".
std::string replan_text(const Replan& replan, double seconds);

}  // namespace bam
