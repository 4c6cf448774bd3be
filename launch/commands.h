#pragma once

#include <span>
#include <string>
#include <string_view>

namespace bam {

/// A subcommand: what `bam NAME` calls with the arguments after the name. Returns the exit code.
struct Command {
  std::string_view name;
  std::string_view summary;
  int (*run)(std::span<const std::string> arguments);
};

/// Every subcommand, in the order a user meets them.
std::span<const Command> commands();

}  // namespace bam
