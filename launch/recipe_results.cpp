#include "launch/recipe_results.h"

#include <set>

#include "io/metrics_reader.h"
#include "io/run_config.h"
#include "runtime/check.h"

namespace bam {
namespace {

void add_ancestors(const proto::Recipe& recipe, const std::string& name,
                   std::set<std::string>& seen) {
  if (seen.insert(name).second) {
    for (const auto& parent : phase_named(recipe, name).parents()) {
      add_ancestors(recipe, parent, seen);
    }
  }
}

double number_in(const nlohmann::json& line, const char* name, const std::string& source) {
  const nlohmann::json value = line.value(name, nlohmann::json(0.0));
  check_input(value.is_number(), source, ": ", name, ": ", value.dump(), " is no number");
  return value.get<double>();
}

ModelResult row_of(const proto::Recipe& recipe, const proto::Phase& phase,
                   const RunFolder& folder) {
  const proto::RunConfig config = resolved_config(recipe, phase, folder);
  const std::string source = folder.metrics_of(phase.name()).string();
  const auto metrics = read_metrics(source);
  check_input(!metrics.empty(), source, ": has no step");
  ModelResult row;
  row.name = phase.name();
  row.kind = name_of(phase.kind());
  row.parameters = count_parameters(run_config_of(config, phase.name()).model);
  row.tokens_phase = phase_tokens(config);
  row.tokens_cumulative = cumulative_tokens(recipe, phase);
  row.seconds = number_in(metrics.back(), "seconds", source);
  row.flops = number_in(metrics.back(), "flops", source);
  return row;
}

}  // namespace

std::int64_t cumulative_tokens(const proto::Recipe& recipe, const proto::Phase& phase) {
  std::set<std::string> phases;
  add_ancestors(recipe, phase.name(), phases);
  std::int64_t tokens = 0;
  for (const auto& name : phases) {
    tokens += phase_tokens(resolved_config(recipe, phase_named(recipe, name), RunFolder("")));
  }
  return tokens;
}

Results results_of(const proto::Recipe& recipe, const RunFolder& folder) {
  Results results;
  for (const auto& domain : recipe.domains()) {
    results.domains.push_back(domain.name());
  }
  std::vector<DomainScores> scores;
  for (const auto& phase : recipe.phases()) {
    scores.push_back(read_scores(folder.scores_of(phase.name())));
    results.models.push_back(row_of(recipe, phase, folder));
    add_scores(results.models.back(), results.domains, scores.back());
  }
  results.differences = differences_of(results.models, results.domains, scores);
  return results;
}

}  // namespace bam
