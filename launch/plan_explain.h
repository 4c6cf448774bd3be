#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam plan explain PLAN`: what each rank holds, and what keeps the slowest from being faster.
int plan_explain(std::span<const std::string> arguments);

}  // namespace bam
