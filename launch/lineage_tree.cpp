#include "launch/lineage_tree.h"

#include <ostream>
#include <string>

#include "launch/text_table.h"

namespace bam {
namespace {

using nlohmann::json;

void print_node(const json& node, const std::string& before, const std::string& below,
                std::ostream& out) {
  out << before << node["run"].get<std::string>() << " step " << node["step"] << " ("
      << node["made_by"].get<std::string>() << ", "
      << grouped(node["tokens_phase"].get<std::int64_t>()) << " tokens)\n";
  const json& parents = node["parents"];
  for (std::size_t i = 0; i < parents.size(); ++i) {
    const bool is_last = i + 1 == parents.size();
    print_node(parents[i], below + (is_last ? "└── " : "├── "), below + (is_last ? "    " : "│   "),
               out);
  }
}

}  // namespace

void print_lineage(const json& node, std::ostream& out) { print_node(node, "  ", "  ", out); }

}  // namespace bam
