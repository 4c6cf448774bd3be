#pragma once

#include <span>
#include <string_view>

namespace bam {

/// A cluster that comes with the program (launch/clusters/).
struct ClusterPreset {
  std::string_view name;
  std::string_view text;  // protobuf text, message Cluster
};

std::span<const ClusterPreset> cluster_presets();

}  // namespace bam
