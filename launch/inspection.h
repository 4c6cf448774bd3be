#pragma once

#include <filesystem>
#include <iosfwd>

#include <nlohmann/json.hpp>

namespace bam {

/// Whether each tensor's values are read.
enum class Statistics { kNone, kPerTensor };

/// What `path`, a checkpoint or a config, says of its model:
///
///   {"file", "kind": "checkpoint"|"config", "model": {..}, "parameters": {"total", "active"},
///    "tensors": [{"name", "role", "shape", "elements", "statistics": {"mean", "std", "min", "max"}}],
///    "step", "tokens": {"phase", "cumulative"}, "seconds", "flops", "bytes",
///    "plan": {"ranks", "layers": [{"attention", "ffn"}],
///             "planned": the plan with its certificates (launch/plan_report.h) or null} or null,
///    "lineage": {"made_by", "run", "step", "tokens_phase", "manifest_hash", "parents": [..]}}
///
/// From "step" on of a checkpoint only. Throws BadInput where it is neither, and for statistics of
/// a config.
nlohmann::json inspect(const std::filesystem::path& path, Statistics statistics);

/// The same as text: tensors of all layers in one line, the lineage as a tree.
void print_inspection(const nlohmann::json& inspection, std::ostream& out);

}  // namespace bam
