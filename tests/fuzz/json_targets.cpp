// JSON: what others wrote (config.json), JSON Lines of text, and what our own runs left behind.
#include "io/cohere_config.h"
#include "io/corpus.h"
#include "io/results.h"
#include "io/strict_json.h"
#include "io/utf8.h"
#include "launch/recipe.h"
#include "launch/report_command.h"
#include "runtime/check.h"
#include "tests/fuzz/input_file.h"
#include "tests/fuzz/targets.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOnePhase = R"(
    name: "r" vocabulary: 300 domains { name: "law" files: "law.jsonl" }
    base {
      model { d_model: 8 n_layers: 1 n_heads: 2 ffn_hidden: 8 }
      data { sequence_length: 4 domains { name: "law" } }
      training { steps: 2 sequences_per_step: 2 } optimizer { learning_rate: 1e-3 }
    }
    phases { name: "seed" })";

void read_json(std::string_view bytes) {
  const nlohmann::json object = parse_strict_json(bytes, "input");
  check(valid_utf8_prefix(escaped(bytes)) == escaped(bytes).size(), "an excerpt not in UTF-8");
  check(parse_strict_json(object.dump(), "its own text") == object, "JSON that does not come back");
}

void read_cohere(std::string_view bytes) {
  const CohereConfig config = read_cohere_config(input_file("config.json", bytes));
  check(config.logit_scale > 0 && config.model.vocabulary() > 0, "a config without values");
}

void read_lines(std::string_view bytes) {
  Corpus corpus({input_file("text.jsonl", bytes)});
  while (const auto document = corpus.next()) {
    check(!document->text.empty(), "a document without text");
  }
}

/// A training run's metrics, as a report reads them.
void read_metrics_lines(std::string_view bytes) {
  const fs::path run = input_folder() / "training";
  fs::create_directory(run);
  put_file(run / "metrics.jsonl", bytes);
  const Report report = report_of(run);
  check(report.dense_losses.size() == 1, "not one curve");
}

/// A recipe's folder with one evaluated phase.
const RunFolder& recipe_folder() {
  static const RunFolder folder = [] {
    const RunFolder made(input_folder() / "run");
    fs::create_directories(made.root() / "scores");
    put_file(made.recipe(), kOnePhase);
    return made;
  }();
  return folder;
}

void read_score_file(std::string_view bytes) {
  put_file(recipe_folder().scores_of("seed"), bytes);
  ModelResult row;
  const DomainScores scores = read_scores(recipe_folder().scores_of("seed"));
  if (scores.contains("law") && scores.at("law").size() < 100) {
    add_scores(row, {"law"}, scores);
  }
  report_of(recipe_folder().root());
}

void read_result_file(std::string_view bytes) {
  const Results results = read_results(input_file("results.json", bytes));
  write_results(input_folder() / "again.json", results);
}

std::vector<std::string> json_seeds() {
  return {R"({"a":{"b":[1,-2.5e3,true,null]},"c":"\u00e9\ud83d\ude00"})", R"({})", "[1]"};
}

std::vector<std::string> cohere_seeds() {
  return {R"({"model_type":"cohere","architectures":["CohereForCausalLM"],"vocab_size":320,)"
          R"("hidden_size":8,"num_hidden_layers":2,"num_attention_heads":4,)"
          R"("num_key_value_heads":2,"intermediate_size":6,"logit_scale":0.0625,)"
          R"("layer_norm_eps":1e-6,"rope_theta":5e4,"hidden_act":"silu",)"
          R"("tie_word_embeddings":true,"attention_bias":false,"use_qk_norm":false})",
          R"({"model_type":"cohere","vocab_size":320,"hidden_size":8,"num_hidden_layers":2,)"
          R"("num_attention_heads":4,"intermediate_size":6,"head_dim":2,"sliding_window":null,)"
          R"("rope_parameters":{"rope_type":"default","rope_theta":1e4}})"};
}

std::vector<std::string> line_seeds() {
  return {"{\"text\": \"one\"}\n\n{\"text\": \"two \\u00e9\", \"split\": \"validation\"}\n"};
}

std::vector<std::string> metrics_seeds() {
  return {R"({"step":1,"loss":5.5,"validation":{"law":5.25},"seconds":0.5,"flops":1e9})"
          "\n"
          R"({"step":2,"loss":null,"validation":{"law":5.0}})"
          "\n{\"step\":3,"};
}

std::vector<std::string> score_seeds() {
  return {R"({"domains":{"law":{"documents":[{"nll":40.0,"tokens":20,"bytes":50},)"
          R"({"nll":30.5,"tokens":11,"bytes":40}]}},"routing":[{"layer":0,"kind":"ffn",)"
          R"("domain":"law","load":[0.25,0.75],"mean_gate":[0.5,0.5],"entropy":1.0},)"
          R"({"layer":1,"kind":"attention","domain":"law","load":[1],"mean_gate":[1]}]})"};
}

std::vector<std::string> result_seeds() {
  return {R"({"models":[{"name":"seed","kind":"seed","parameters":{"total":3,"active":2},)"
          R"("tokens":{"phase":1,"cumulative":1},"seconds":1.5,"flops":2,)"
          R"("perplexity":{"law":{"value":2,"low":1,"high":3}},)"
          R"("bits_per_byte":{"law":{"value":2,"low":1,"high":3}},"average":2,)"
          R"("geometric_mean":2}],"differences":[{"a":"seed","b":"mix","domain":"law",)"
          R"("value":1,"low":0,"high":2}],"domains":["law"]})"};
}

}  // namespace

std::vector<FuzzTarget> json_targets() {
  return {{"strict_json", read_json, json_seeds},   {"cohere_config", read_cohere, cohere_seeds},
          {"json_lines", read_lines, line_seeds},   {"metrics", read_metrics_lines, metrics_seeds},
          {"scores", read_score_file, score_seeds}, {"results", read_result_file, result_seeds}};
}

}  // namespace bam
