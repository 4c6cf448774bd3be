#pragma once

#include <filesystem>
#include <string>

#include "model/placement.h"
#include "proto/placement.pb.h"

namespace bam {

/// A placement as it is written, and what it came from, for errors.
struct NamedPlacement {
  proto::Placement message;
  std::string source;
};

/// Reads protobuf text, or what the manifest of a checkpoint, or of a run folder's newest one, has.
/// Throws BadInput, naming the file.
NamedPlacement read_placement_message(const std::filesystem::path& path);

/// Reads a placement, as above, of `config`'s experts over a group of `ranks`. A single layer entry
/// serves every layer. Throws BadInput naming file, field and value.
Placement read_placement(const std::filesystem::path& path, const ModelConfig& config, int ranks);

/// The same from a message; `source` stands for the file in errors.
Placement placement_of(const proto::Placement& message, const ModelConfig& config, int ranks,
                       const std::string& source);

/// The message that placement_of reads: one entry a layer.
proto::Placement message_of_placement(const Placement& placement);

}  // namespace bam
