#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "launch/child_process.h"

namespace bam {

/// How this program is started again for a piece of a recipe.
class Launcher {
 public:
  Launcher() = default;
  Launcher(const Launcher&) = default;
  Launcher& operator=(const Launcher&) = default;
  virtual ~Launcher() = default;

  /// `bam arguments...` in one process that has every core.
  virtual ChildCommand alone(std::vector<std::string> arguments) const = 0;
  /// The same on `ranks` ranks.
  virtual ChildCommand on_ranks(std::int64_t ranks, std::vector<std::string> arguments) const = 0;
};

}  // namespace bam
