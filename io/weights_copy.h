#pragma once

#include <filesystem>

namespace bam {

/// Writes `out`/step-N: the weights of a checkpoint, every tile checked, without its optimiser
/// state: a third of its size. It is a checkpoint like others, for init_from, upcycling, evaluation
/// and generation, whose one parent is the original; training does not resume from it. Throws
/// BadInput where `out` holds a checkpoint already.
void copy_weights(const std::filesystem::path& checkpoint, const std::filesystem::path& out);

}  // namespace bam
