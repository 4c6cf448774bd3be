#include "launch/replanning.h"

#include <algorithm>
#include <cstdio>

#include "launch/plan_loads.h"
#include "runtime/check.h"

namespace bam {
namespace {

void add(const std::vector<double>& part, std::vector<double>& sum) {
  for (std::size_t i = 0; i < sum.size(); ++i) {
    sum[i] += part[i];
  }
}

// Where attention chooses no experts, each sees every token.
std::vector<double> attention_tokens(const LayerRouting& routing, std::size_t experts,
                                     double tokens) {
  const std::vector<double> all(experts, tokens);
  if (routing.attention.empty()) {
    return all;
  }
  const std::vector<double> chosen = over_domains(routing.attention).chosen;
  return std::ranges::any_of(chosen, [](double slots) { return slots > 0; }) ? chosen : all;
}

}  // namespace

Replanning::Replanning(const ReplanConfig& config, const ModelConfig& model,
                       std::int64_t sequence_length)
    : config_(config),
      terms_{.attention_cost = expert_costs(model, sequence_length).attention,
             .slots_per_rank = config.slots_per_rank,
             .moves = config.moves},
      attention_experts_(
          model.has_attention_experts() ? static_cast<std::size_t>(model.attention_experts()) : 0),
      ffn_experts_(static_cast<std::size_t>(model.ffn_experts())),
      tokens_(static_cast<std::size_t>(model.n_layers),
              {.attention = std::vector<double>(attention_experts_),
               .ffn = std::vector<double>(ffn_experts_)}) {}

void Replanning::count(const StepReport& report, double tokens) {
  for (std::size_t layer = 0; layer < tokens_.size(); ++layer) {
    const LayerRouting& routing = report.routing.at(layer);
    add(attention_tokens(routing, attention_experts_, tokens), tokens_[layer].attention);
    add(over_domains(routing.ffn).chosen, tokens_[layer].ffn);
  }
}

std::optional<BetterPlacement> Replanning::better_than(const Placement& current) {
  std::optional<BetterPlacement> better;
  Replan found = replan(current, tokens_, terms_);
  if (found.placement != current && found.gain() >= config_.least_gain) {
    ModelPlan plan = certified_plan(found, current, tokens_, terms_);
    better.emplace(BetterPlacement{std::move(found), std::move(plan)});
  }
  forget();
  return better;
}

void Replanning::forget() {
  for (LayerTokens& layer : tokens_) {
    std::ranges::fill(layer.attention, 0.0);
    std::ranges::fill(layer.ffn, 0.0);
  }
}

std::vector<proto::ExpertLoads> Replanning::counted() const {
  std::vector<proto::ExpertLoads> loads;
  for (const LayerTokens& layer : tokens_) {
    proto::ExpertLoads& entry = loads.emplace_back();
    entry.mutable_attention()->Add(layer.attention.begin(), layer.attention.end());
    entry.mutable_ffn()->Add(layer.ffn.begin(), layer.ffn.end());
  }
  return loads;
}

void Replanning::go_on_from(const CheckpointReader& checkpoint) {
  for (int layer = 0; layer < checkpoint.loads().size(); ++layer) {
    const proto::ExpertLoads& loads = checkpoint.loads()[layer];
    LayerTokens& tokens = tokens_.at(static_cast<std::size_t>(layer));
    check_input(loads.attention_size() == std::ssize(tokens.attention) &&
                    loads.ffn_size() == std::ssize(tokens.ffn),
                checkpoint.path().string(), ": loads of ", loads.attention_size(), " and ",
                loads.ffn_size(), " experts in layer ", layer);
    tokens = {.attention = {loads.attention().begin(), loads.attention().end()},
              .ffn = {loads.ffn().begin(), loads.ffn().end()}};
  }
}

nlohmann::json replan_json(const Replan& replan) {
  return {{"gain", replan.gain()}, {"copies_sent", replan.copies_sent}};
}

std::string replan_text(const Replan& replan, double seconds) {
  char text[160];
  std::snprintf(
      text, sizeof text,
      "experts placed anew in %.1f s: %d %s sent, the slowest ranks' work falls by %.1f %%",
      seconds, replan.copies_sent, replan.copies_sent == 1 ? "copy" : "copies",
      100 * replan.gain());
  return text;
}

}  // namespace bam
