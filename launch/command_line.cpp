#include "launch/command_line.h"

#include <iostream>
#include <vector>

#include "runtime/check.h"

namespace bam {

std::optional<boost::program_options::variables_map> read_command_line(
    CommandLine command, std::span<const std::string> arguments) {
  namespace po = boost::program_options;
  command.options.add_options()("help,h", "print this and stop");
  po::variables_map values;
  try {
    const std::vector<std::string> words(arguments.begin(), arguments.end());
    po::store(po::command_line_parser(words)
                  .options(command.options)
                  .positional(command.positional)
                  .style(po::command_line_style::default_style & ~po::command_line_style::allow_guessing)
                  .run(),
              values);
    if (values.contains("help")) {
      std::cout << command.usage << "\n\n" << command.options;
      return std::nullopt;
    }
    po::notify(values);
  } catch (const po::error& error) {
    throw BadInput(message_of(error.what(), "; usage: ", command.usage));
  }
  return values;
}

}  // namespace bam
