#pragma once

#include <filesystem>
#include <string>

#include "parallel/planner/cost/cluster.h"
#include "proto/cluster.pb.h"

namespace bam {

/// The cluster a message describes. Throws BadInput naming `source`, the field's path, its value
/// and what was expected.
Cluster cluster_of(const proto::Cluster& message, const std::string& source);

/// The message that describes a cluster, all curves included.
proto::Cluster message_of_cluster(const Cluster& cluster);

}  // namespace bam
