#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam plan verify PLAN`: checks a plan and every bound from its loads alone. A plan that does not
/// hold is bad input.
int plan_verify(std::span<const std::string> arguments);

}  // namespace bam
