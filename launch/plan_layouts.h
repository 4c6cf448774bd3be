#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam plan layouts CONFIG`: the ways to lay a run out over a cluster, the fastest that fits
/// first.
int plan_layouts(std::span<const std::string> arguments);

/// `bam plan what-if CONFIG --set ..`: the best layout as things are, and as they would be.
int plan_what_if(std::span<const std::string> arguments);

}  // namespace bam
