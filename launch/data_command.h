#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam data --domain code=path[,path]... --vocabulary N --out DIR`: text to token data sets.
int data_command(std::span<const std::string> arguments);

}  // namespace bam
