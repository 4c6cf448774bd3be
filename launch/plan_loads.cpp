#include "launch/plan_loads.h"

#include <numeric>
#include <utility>

#include "io/load_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

void append(std::vector<LoadMatrix> more, std::vector<LoadMatrix>& windows) {
  windows.insert(windows.end(), std::make_move_iterator(more.begin()),
                 std::make_move_iterator(more.end()));
}

LoadFile read_all(const LoadSources& sources) {
  LoadFile all;
  for (const std::string& path : sources.ffn) {
    LoadFile file = read_loads(path, sources.domain);
    check_input(sources.attention.empty() || file.attention.empty(), path,
                ": has loads of attention experts, and so has --attention-loads");
    append(std::move(file.ffn), all.ffn);
    append(std::move(file.attention), all.attention);
  }
  for (const std::string& path : sources.attention) {
    append(read_loads(path).ffn, all.attention);
  }
  check_windows(all.ffn, "--loads");
  check_input(all.attention.empty() || all.attention.size() == all.ffn.size(),
              "--loads: ", all.attention.size(), " windows of attention experts where there are ",
              all.ffn.size(), " of FFN experts");
  if (!all.attention.empty()) {
    check_windows(all.attention, "--attention-loads");
    check_input(all.attention.front().size() == all.ffn.front().size(),
                "--attention-loads: ", all.attention.front().size(), " layers where --loads has ",
                all.ffn.front().size());
  }
  return all;
}

void check_model(const LoadFile& loads, const ModelConfig& model) {
  check_input(model.mixture.has_value(), "--model: a dense model, which has no experts to place");
  const auto layers = static_cast<int>(loads.ffn.front().size());
  check_input(layers == model.n_layers || layers == 1, "--loads: ", layers,
              " layers where the model has ", model.n_layers);
  const auto experts = static_cast<int>(loads.ffn.front().front().size());
  check_input(experts == model.ffn_experts(), "--loads: ", experts, " experts where the model has ",
              model.ffn_experts(), " FFN experts");
  if (!loads.attention.empty()) {
    const auto attention = static_cast<int>(loads.attention.front().front().size());
    check_input(model.has_attention_experts() && attention == model.attention_experts(),
                "--attention-loads: ", attention, " experts where the model has ",
                model.has_attention_experts() ? model.attention_experts() : 0);
  }
}

/// Every token at every attention expert.
std::vector<double> soft_loads(const std::vector<double>& ffn, const ModelConfig& model) {
  const double slots = std::accumulate(ffn.begin(), ffn.end(), 0.0);
  return std::vector<double>(static_cast<std::size_t>(model.attention_experts()),
                             slots / model.mixture->ffn.top_k);
}

}  // namespace

std::vector<LayerLoads> read_layer_loads(const LoadSources& sources,
                                         const std::optional<ModelConfig>& model) {
  const LoadFile files = read_all(sources);
  if (model) {
    check_model(files, *model);
  }
  const bool is_soft = files.attention.empty() && model && model->has_attention_experts() &&
                       model->mixture->attention->routing != AttentionRouting::kTopK;
  check_input(is_soft || !files.attention.empty() || !model || !model->has_attention_experts(),
              "--attention-loads: missing; the model's attention experts are not all used by every "
              "token");
  std::vector<LayerLoads> layers(files.ffn.front().size());
  for (std::size_t window = 0; window < files.ffn.size(); ++window) {
    for (std::size_t layer = 0; layer < layers.size(); ++layer) {
      const auto& ffn = files.ffn[window][layer];
      LoadWindow& loads = layers[layer].emplace_back(LoadWindow{{}, ffn});
      if (is_soft) {
        loads.attention = soft_loads(ffn, *model);
      } else if (!files.attention.empty()) {
        loads.attention = files.attention[window][layer];
      }
    }
  }
  return layers;
}

ExpertCosts expert_costs(const ModelConfig& model, std::int64_t length) {
  const auto d = static_cast<double>(model.d_model);
  const bool has_own_keys =
      model.has_attention_experts() && model.mixture->attention->key_value == KeyValue::kPerExpert;
  const double projections = 2 * (2 * d * d);
  const double keys = has_own_keys ? 2 * (2 * d * static_cast<double>(model.kv_width())) : 0;
  const double pairs = 2 * (2 * d) * (static_cast<double>(length) + 1) / 2;
  const double ffn = 3 * (2 * d * static_cast<double>(model.ffn_hidden));
  return {.attention = (projections + keys + pairs) / ffn, .ffn = 1};
}

}  // namespace bam
