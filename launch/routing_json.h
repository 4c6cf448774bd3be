#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/routing_statistics.h"

namespace bam {

/// One entry a layer, kind of router and domain that saw tokens: {"layer", "kind", "domain",
/// "load": slots a token, "mean_gate", "entropy": nats}, experts in order.
nlohmann::json routing_json(const std::vector<LayerRouting>& layers,
                            const std::vector<std::string>& domains);

}  // namespace bam
