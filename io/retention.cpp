#include "io/retention.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "io/checkpoint_format.h"

namespace bam {

namespace fs = std::filesystem;

std::vector<std::int64_t> steps_in(const fs::path& folder) {
  std::vector<std::int64_t> steps;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    std::int64_t step = -1;
    if (name.starts_with("step-")) {
      std::from_chars(name.data() + 5, name.data() + name.size(), step);
    }
    if (step >= 0 && name == step_folder(step)) {
      steps.push_back(step);
    }
  }
  std::ranges::sort(steps);
  return steps;
}

std::vector<std::int64_t> steps_to_remove(const std::vector<std::int64_t>& steps,
                                          const Retention& retention) {
  std::vector<std::int64_t> removed;
  if (retention.keep_last == 0) {
    return removed;
  }
  for (std::int64_t i = 0; i < std::ssize(steps) - retention.keep_last; ++i) {
    const std::int64_t step = steps[static_cast<std::size_t>(i)];
    if (retention.keep_every == 0 || step % retention.keep_every != 0) {
      removed.push_back(step);
    }
  }
  return removed;
}

void remove_checkpoint(const fs::path& checkpoint) {
  fs::remove(checkpoint / kManifestFile);  // without it a folder is no checkpoint
  fs::remove_all(checkpoint);
}

}  // namespace bam
