#pragma once

#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>

#include "io/checkpoint_format.h"

namespace bam {

/// A config as JSON, under the schema's own field names.
nlohmann::json json_of(const google::protobuf::Message& message);

/// A family tree: {"made_by", "run", "step", "tokens_phase", "manifest_hash", "parents": [..]}.
nlohmann::json lineage_json(const Lineage& node);

}  // namespace bam
