// Protobuf text: run configs, model configs, recipes, placements, --set.
#include <sstream>

#include "io/placement_file.h"
#include "io/run_config.h"
#include "io/text_proto.h"
#include "launch/recipe.h"
#include "launch/recipe_results.h"
#include "runtime/check.h"
#include "tests/fuzz/input_file.h"
#include "tests/fuzz/targets.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

constexpr const char* kRecipe = R"(
    name: "r" vocabulary: 300 ranks: 2
    domains { name: "law" files: "law.jsonl" } domains { name: "code" files: "code" }
    base {
      model { d_model: 8 n_layers: 1 n_heads: 2 ffn_hidden: 8 }
      data { sequence_length: 4 domains { name: "law" } }
      training { steps: 2 sequences_per_step: 2 }
      optimizer { learning_rate: 1e-3 warmup_steps: 1 }
    }
    phases { name: "seed" }
    phases {
      name: "code" title: "code expert" kind: BRANCH parents: "seed"
      config { data { domains { name: "code" share: 0.9 } domains { name: "law" share: 0.1 } } }
    }
    phases {
      name: "mix" kind: MIXTURE parents: "seed" parents: "code"
      config { model { mixture { attention { experts: 2 } ffn { experts: 2 } } } }
    }
    phases { name: "dense" kind: CONTROL parents: "seed" })";

/// What a run stores of its config says the same when it is read again.
void read_run(std::string_view bytes) {
  proto::RunConfig config;
  parse_text_proto(bytes, "input", config);
  run_config_of(config, "input");
  const std::string whole = text_of(with_defaults(config));
  proto::RunConfig again;
  parse_text_proto(whole, "its own text", again);
  check(text_of(again) == whole, "a config that is not read as it was written");
  run_config_of(again, "its own text");
}

void read_model(std::string_view bytes) {
  const ModelConfig model = read_model_config(input_file("model.textproto", bytes));
  check(count_parameters(model).total > 0, "a model without parameters");
}

void read_whole_recipe(std::string_view bytes) {
  const proto::Recipe recipe = read_recipe(input_file("recipe.textproto", bytes));
  for (const proto::Phase& phase : recipe.phases()) {
    const proto::RunConfig config = resolved_config(recipe, phase, RunFolder("run"));
    check(phase_tokens(config) > 0, "a phase without tokens");
    check(cumulative_tokens(recipe, phase) >= phase_tokens(config), "tokens that vanish");
  }
}

void read_plan(std::string_view bytes) {
  static const ModelConfig model = run_config_of(tiny_run_config(kTinyMixture), "tiny").model;
  const Placement plan = read_placement(input_file("plan.textproto", bytes), model, 2);
  const proto::Placement message = message_of_placement(plan);
  const Placement again = placement_of(message, model, 2, "its own message");
  check(text_of(message_of_placement(again)) == text_of(message), "a plan that does not come back");
}

/// An assignment a line.
void set_fields(std::string_view bytes) {
  proto::RunConfig config = tiny_run_config(kTinyMixture);
  std::istringstream lines{std::string(bytes)};
  for (std::string line; std::getline(lines, line);) {
    set_field(config, line);
  }
  run_config_of(config, "input");
}

std::vector<std::string> run_seeds() {
  return {text_of(tiny_run_config()), text_of(tiny_run_config(kTinyMixture)),
          "model { vocabulary: 5 d_model: 4 n_layers: 1 n_heads: 2 ffn_hidden: 3 } # more\n"};
}

std::vector<std::string> model_seeds() {
  std::vector<std::string> seeds = run_seeds();
  seeds.push_back(text_of(tiny_run_config(kTinyMixture).model()));
  return seeds;
}

std::vector<std::string> recipe_seeds() { return {kRecipe}; }

std::vector<std::string> plan_seeds() {
  return {"ranks: 2 layers { attention: [0, 1] ffn: [1, 1, 0] }",
          "ranks: 2\nlayers { attention: 0 attention: 1 ffn: [0, 0, 1] }\n"
          "layers { attention: [1, 1] ffn: [1, 0, 0] }",
          "ranks: 2 layers { attention: [0, 1] ffn: [0, 0, 1] "
          "ffn_replicas { expert: 1 ranks: [0, 1] shares: [0.25, 0.75] } }"};
}

std::vector<std::string> assignment_seeds() {
  return {"model.n_layers=4\ndata.domains[0].share=0.25\noptimizer.no_decay=NORM,ROUTER",
          "init_from=runs/a\nmodel.mixture.attention.routing=TOP_K\ntraining.precision=1",
          "model.mixture={ ffn { experts: 2 } }\nparallel.placement='p \\'q'"};
}

}  // namespace

std::vector<FuzzTarget> text_targets() {
  return {{"run_config", read_run, run_seeds},
          {"model_config", read_model, model_seeds},
          {"recipe", read_whole_recipe, recipe_seeds},
          {"placement", read_plan, plan_seeds},
          {"set_field", set_fields, assignment_seeds}};
}

}  // namespace bam
