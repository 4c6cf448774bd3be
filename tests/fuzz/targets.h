#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bam {

/// A reader of outside input, to be fed with any bytes.
struct FuzzTarget {
  std::string_view name;
  /// Reads the bytes as a command would, and uses what they hold. Throws BadInput where they are
  /// refused; whatever else it throws, and any crash or leak, is a bug.
  void (*read)(std::string_view bytes);
  /// Small inputs to start from, most of them sound.
  std::vector<std::string> (*seeds)();
};

/// Every target there is.
std::vector<FuzzTarget> fuzz_targets();

/// The target of that name; throws BadInput, with the names there are, where there is none.
FuzzTarget fuzz_target(std::string_view name);

enum class Reading { kAccepted, kRefused };

/// Feeds a target; BadInput is a good end.
Reading feed(const FuzzTarget& target, std::string_view bytes);

// By the libraries that parse.
std::vector<FuzzTarget> text_targets();
std::vector<FuzzTarget> json_targets();
std::vector<FuzzTarget> model_targets();
std::vector<FuzzTarget> hdf5_targets();
std::vector<FuzzTarget> checkpoint_targets();
std::vector<FuzzTarget> word_targets();

}  // namespace bam
