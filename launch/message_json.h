#pragma once

#include <google/protobuf/message.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "io/checkpoint_format.h"

namespace bam {

/// Whether fields that are 0, false or empty are written.
enum class Zeros { kLeftOut, kWritten };

/// A config as JSON, under the schema's own field names.
nlohmann::json json_of(const google::protobuf::Message& message, Zeros zeros = Zeros::kLeftOut);

/// A family tree: {"made_by", "run", "step", "tokens_phase", "manifest_hash", "parents": [..]}.
nlohmann::json lineage_json(const Lineage& node);

/// Its values by the paths of their fields: "training.steps", "data.domains[0].name".
std::map<std::string, nlohmann::json> flat(const nlohmann::json& value);

}  // namespace bam
