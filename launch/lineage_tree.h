#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>

namespace bam {

/// Prints a family tree (lineage_json) with each node's parents below it:
///
///   mixture step 0 (upcycle, 0 tokens)
///   ├── seed step 400 (train, 1,638,400 tokens)
///   └── code step 200 (train, 819,200 tokens)
///       └── seed step 400 (train, 1,638,400 tokens)
void print_lineage(const nlohmann::json& node, std::ostream& out);

}  // namespace bam
