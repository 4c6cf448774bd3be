#pragma once

#include <boost/program_options.hpp>

#include <optional>
#include <span>
#include <string>

namespace bam {

/// A subcommand's arguments, read by Boost.Program_options.
struct CommandLine {
  std::string usage;  // first line of --help
  boost::program_options::options_description options;
  boost::program_options::positional_options_description positional;
};

/// Reads the arguments; `--help` is added to the options. Nothing: help was asked for and printed.
/// Throws BadInput for arguments that do not fit.
std::optional<boost::program_options::variables_map> read_command_line(
    CommandLine command, std::span<const std::string> arguments);

}  // namespace bam
