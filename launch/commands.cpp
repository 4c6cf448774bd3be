#include "launch/commands.h"

#include <array>

#include "launch/data_command.h"

namespace bam {
namespace {

constexpr std::array kCommands = {
    Command{"data", "text to token data sets and a tokenizer", data_command},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace bam
