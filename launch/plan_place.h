#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam plan place`: makes a plan for given loads, prints how good it is and writes it.
int plan_place(std::span<const std::string> arguments);

}  // namespace bam
