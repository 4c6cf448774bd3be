#include "launch/command_line.h"

#include <algorithm>
#include <cctype>
#include <iostream>
#include <vector>

#include "runtime/check.h"

namespace bam {
namespace {

namespace po = boost::program_options;

bool is_positional(const po::positional_options_description& positional, const std::string& name) {
  constexpr unsigned kMost = 8;  // the last position may repeat without end
  for (unsigned i = 0; i < std::min(positional.max_total_count(), kMost); ++i) {
    if (positional.name_for_position(i) == name) {
      return true;
    }
  }
  return false;
}

// Without what stands at a position.
po::options_description named_options(const CommandLine& command) {
  po::options_description named;
  for (const auto& option : command.options.options()) {
    if (!is_positional(command.positional, option->long_name())) {
      named.add(option);
    }
  }
  return named;
}

/// What stands at a position, a line each, named as in the usage line.
std::string positions(const CommandLine& command) {
  std::string text;
  for (const auto& option : command.options.options()) {
    if (is_positional(command.positional, option->long_name()) && !option->description().empty()) {
      std::string name = option->long_name();
      std::ranges::transform(name, name.begin(), [](unsigned char c) {
        return static_cast<char>(std::toupper(c));
      });
      text += "  " + name + ": " + option->description() + "\n";
    }
  }
  return text.empty() ? "" : text + "\n";
}

// Boost puts what was given into its messages in place of names like %value%, again and again: for
// ever where such a name was given.
std::string text_of(const po::error& error, std::span<const std::string> arguments) {
  for (const std::string& argument : arguments) {
    if (std::ranges::count(argument, '%') > 1) {
      return "what was given, " + argument + " among it, is not understood";
    }
  }
  return error.what();
}

}  // namespace

std::optional<boost::program_options::variables_map> read_command_line(
    CommandLine command, std::span<const std::string> arguments) {
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
      std::cout << command.usage << "\n\n" << positions(command) << named_options(command);
      return std::nullopt;
    }
    po::notify(values);
  } catch (const po::error& error) {
    throw BadInput(message_of(text_of(error, arguments), "; usage: ", command.usage));
  }
  return values;
}

}  // namespace bam
