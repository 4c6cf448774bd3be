#include "launch/plan_map.h"

#include <algorithm>

#include "io/plots.h"
#include "io/text_file.h"
#include "launch/plan_report.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr std::size_t kMostRanks = 512;

using Rows = std::vector<std::vector<double>>;  // [rank][layer]

Rows loads_of(const std::vector<LayerPlan>& layers, const ModelPlan& plan) {
  Rows rows(plan.terms.ranks.size(), std::vector<double>(layers.size()));
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    const auto loads = mean_rank_loads(layers[layer], joint_problem(plan.terms, plan.loads[layer]));
    for (std::size_t rank = 0; rank < rows.size(); ++rank) {
      rows[rank][layer] = loads[rank];
    }
  }
  return rows;
}

double largest(const Rows& rows) {
  double most = 0;
  for (const auto& row : rows) {
    most = std::max(most, *std::max_element(row.begin(), row.end()));
  }
  return most;
}

Rows scaled(Rows rows, double unit) {
  for (auto& row : rows) {
    for (double& value : row) {
      value /= unit;
    }
  }
  return rows;
}

}  // namespace

void write_load_map(const std::filesystem::path& path, const PlanBefore& before,
                    const ModelPlan& plan) {
  check_input(plan.terms.ranks.size() <= kMostRanks, "--map: ", plan.terms.ranks.size(),
              " ranks where a picture shows at most ", kMostRanks);
  const Rows old = loads_of(before.layers, plan);
  const Rows planned = loads_of(plan.layers, plan);
  const double unit = std::max(largest(old), largest(planned));
  const HeatPlot plot{
      .row_label = "rank",
      .blocks = {{"before: " + std::filesystem::path(before.name).filename().string(),
                  scaled(old, unit)},
                 {"planned", scaled(planned, unit)}},
      .column_label = "layer"};
  write_file(path, svg_of(plot, "load_map") + "\n");
}

}  // namespace bam
