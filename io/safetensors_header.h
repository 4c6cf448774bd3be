#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/safetensors_values.h"
#include "runtime/tensor.h"

namespace bam {

/// Where one tensor of a safetensors file lies.
struct SafetensorsEntry {
  std::string name;
  SafetensorsType type = SafetensorsType::kFloat32;
  Shape shape;
  std::int64_t begin = 0;  // bytes from the end of the header
  std::int64_t end = 0;
};

/// The header's JSON may have as many bytes, as the format says.
inline constexpr std::uint64_t kMostHeaderBytes = 100'000'000;

/// The tensors that a header's JSON lists, in the order of their bytes. Nothing in it is trusted:
/// throws BadInput, naming `source`, tensor and value, unless every tensor has a known type and as
/// many bytes as its shape takes, no name comes twice, and the tensors cover the file's
/// `data_bytes` without gap or overlap.
std::vector<SafetensorsEntry> parse_safetensors_header(std::string_view text,
                                                       std::int64_t data_bytes,
                                                       const std::string& source);

/// The first bytes of a file that holds these tensors: length and JSON, padded to 8 bytes.
std::string safetensors_header(const std::vector<SafetensorsEntry>& tensors);

}  // namespace bam
