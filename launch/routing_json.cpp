#include "launch/routing_json.h"

#include <numeric>

namespace bam {
namespace {

// Slots a token gives each expert; where none is chosen (soft routing), every expert sees every token.
std::vector<double> load_of(const RoutingSums& sums) {
  const double slots = std::accumulate(sums.chosen.begin(), sums.chosen.end(), 0.0);
  std::vector<double> load = sums.chosen;
  for (double& expert : load) {
    expert = slots > 0 ? expert / sums.tokens : 1.0;
  }
  return load;
}

std::vector<double> per_token(std::vector<double> sums, double tokens) {
  for (double& value : sums) {
    value /= tokens;
  }
  return sums;
}

void add_entries(std::size_t layer, const char* kind, const std::vector<RoutingSums>& sums,
                 const std::vector<std::string>& domains, nlohmann::json& out) {
  for (std::size_t d = 0; d < sums.size(); ++d) {
    const double tokens = sums[d].tokens;
    if (tokens > 0) {
      out.push_back({{"layer", layer},
                     {"kind", kind},
                     {"domain", domains.at(d)},
                     {"load", load_of(sums[d])},
                     {"mean_gate", per_token(sums[d].gates, tokens)},
                     {"entropy", sums[d].entropy / tokens}});
    }
  }
}

}  // namespace

nlohmann::json routing_json(const std::vector<LayerRouting>& layers,
                            const std::vector<std::string>& domains) {
  nlohmann::json out = nlohmann::json::array();
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    add_entries(layer, "attention", layers[layer].attention, domains, out);
    add_entries(layer, "ffn", layers[layer].ffn, domains, out);
  }
  return out;
}

}  // namespace bam
