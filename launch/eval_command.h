#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam eval`: perplexity and bits per byte of a checkpoint on each domain, with 95 % intervals.
int eval_command(std::span<const std::string> arguments);

}  // namespace bam
