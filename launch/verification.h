#pragma once

#include <filesystem>
#include <iosfwd>
#include <nlohmann/json.hpp>
#include <string>

namespace bam {

/// Whether a checkpoint is as it was written, every byte of it read:
///
///   {"file", "whole": bool, "tiles": those read,
///    "damaged": [{"data_set": "/weights/layers.1.ffn.up", "tile": of that data set,
///                 "expert": number or null, "begin", "end": its elements, "cause"}],
///    "error": why nothing could be read of it (manifest, sizes, what lies outside its tensors) or
///    null}
nlohmann::json verification_of(const std::filesystem::path& path);

/// The same as text: the first damaged tiles, and how many there are.
void print_verification(const nlohmann::json& verification, std::ostream& out);

/// What is wrong, in a line; empty where the checkpoint is whole.
std::string complaint_of(const nlohmann::json& verification);

}  // namespace bam
