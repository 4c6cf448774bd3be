#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam generate`: continues a prompt, printing text as it comes.
int generate_command(std::span<const std::string> arguments);

}  // namespace bam
