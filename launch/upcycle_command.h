#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam upcycle`: makes a mixture's checkpoint of dense ones. Returns the exit code.
int upcycle_command(std::span<const std::string> arguments);

}  // namespace bam
