#pragma once

#include <filesystem>

#include "tests/launch/small_world.h"

namespace bam {

/// The program ends with exit code 2 and a message that holds every one of `parts`, and has left
/// `untouched` (a folder, or what would be one) as it was.
void expect_refusal(const ChildCommand& command, const Words& parts,
                    const std::filesystem::path& untouched);

}  // namespace bam
