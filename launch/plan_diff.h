#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam plan diff A B`: what differs, and which replicas going from A to B moves.
int plan_diff(std::span<const std::string> arguments);

}  // namespace bam
