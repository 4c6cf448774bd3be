#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/routing_statistics.h"

namespace bam {

/// One window of a routing trace, a line of `routing.jsonl`:
///
///   {"step", "steps", "layers": [{"layer", "kind": "attention"|"ffn", "domain", "tokens",
///     "chosen": [tokens sent to each expert], "pairs": [[i, j, tokens sent to both]]}]}
///
/// step: the window's last; steps: in it. An entry a layer, kind of router and domain that saw
/// tokens. Under soft routing every expert gets every token. Only pairs that occurred are listed,
/// and none where a token has one expert or all.
nlohmann::json routing_window(std::int64_t step, std::int64_t steps,
                              const std::vector<LayerRouting>& layers,
                              const std::vector<std::string>& domains);

/// Loads of one window: [layer][expert], all domains or one.
struct TracedLoads {
  std::vector<std::vector<double>> attention;  // empty without attention routers
  std::vector<std::vector<double>> ffn;
};

/// Reads every window of a trace. `domain` empty: all of them. Throws BadInput naming file, line
/// and value for anything that is no such trace, and for a domain that it has not.
std::vector<TracedLoads> read_routing_trace(const std::filesystem::path& path,
                                            const std::string& domain = "");

}  // namespace bam
