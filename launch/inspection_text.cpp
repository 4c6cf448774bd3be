#include <algorithm>
#include <iomanip>
#include <ostream>
#include <string>
#include <vector>

#include "launch/inspection.h"
#include "launch/lineage_tree.h"
#include "launch/plan_report.h"
#include "launch/text_table.h"

namespace bam {
namespace {

using nlohmann::json;

/// "layers.3.ffn.up" as "layers.*.ffn.up".
std::string any_layer(const std::string& name) {
  if (!name.starts_with("layers.")) {
    return name;
  }
  return "layers.*" + name.substr(name.find('.', 7));
}

/// Tensors that differ in their layer only.
struct Row {
  std::string name;
  std::string shape;
  std::int64_t count = 0;
  std::int64_t elements = 0;
};

std::vector<Row> rows_of(const json& tensors) {
  std::vector<Row> rows;
  for (const json& tensor : tensors) {
    const std::string name = any_layer(tensor["name"]);
    const auto same = std::find_if(rows.begin(), rows.end(),
                                   [&](const Row& row) { return row.name == name; });
    Row& row = same == rows.end() ? rows.emplace_back(Row{name, shape_text(tensor["shape"])}) : *same;
    ++row.count;
    row.elements += tensor["elements"].get<std::int64_t>();
  }
  return rows;
}

void print_table(const json& tensors, std::ostream& out) {
  for (const Row& row : rows_of(tensors)) {
    const std::string times = row.count > 1 ? "  x " + std::to_string(row.count) : "";
    out << "  " << std::left << std::setw(30) << row.name << std::setw(28) << row.shape + times
        << std::right << std::setw(16) << grouped(row.elements) << "\n";
  }
}

void print_statistics(const json& tensors, std::ostream& out) {
  for (const json& tensor : tensors) {
    const json& values = tensor["statistics"];
    out << "  " << std::left << std::setw(30) << tensor["name"].get<std::string>() << std::right
        << std::setprecision(4);
    for (const char* what : {"mean", "std", "min", "max"}) {
      out << "  " << what << " " << std::setw(11) << values[what].get<double>();
    }
    out << "\n";
  }
}

// Where experts are, and how good the plan is that has them there.
void print_experts(const json& plan, std::ostream& out) {
  if (plan.is_null()) {
    return;
  }
  out << "\nexperts on " << plan["ranks"] << (plan["ranks"] == 1 ? " rank" : " ranks");
  if (const json& planned = plan["planned"]; !planned.is_null()) {
    out << ", as planned: " << planned["slots"] << " slots a layer; gap to the bound "
        << gap_text(planned["mean_gap"].get<double>()) << " mean, "
        << gap_text(planned["worst_gap"].get<double>()) << " worst";
  }
  out << "\n";
}

}  // namespace

void print_inspection(const json& inspection, std::ostream& out) {
  const json& parameters = inspection["parameters"];
  out << inspection["file"].get<std::string>() << ": "
      << (inspection["model"].contains("mixture") ? "a mixture, " : "a dense model, ")
      << grouped(parameters["total"]) << " parameters, " << grouped(parameters["active"])
      << " active a token\n\n";
  print_table(inspection["tensors"], out);
  if (inspection["kind"].get<std::string>() == "config") {
    return;
  }
  out << "\nstep " << inspection["step"] << ", "
      << grouped(inspection["tokens"]["phase"].get<std::int64_t>()) << " tokens in this phase, "
      << grouped(inspection["tokens"]["cumulative"].get<std::int64_t>()) << " in all\n";
  print_experts(inspection["plan"], out);
  out << "\nlineage\n";
  print_lineage(inspection["lineage"], out);
  if (inspection["tensors"][0].contains("statistics")) {
    out << "\nvalues\n";
    print_statistics(inspection["tensors"], out);
  }
}

}  // namespace bam
