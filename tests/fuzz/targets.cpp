#include "tests/fuzz/targets.h"

#include <algorithm>

#include "runtime/check.h"

namespace bam {

std::vector<FuzzTarget> fuzz_targets() {
  std::vector<FuzzTarget> all;
  for (const auto& group : {text_targets(), json_targets(), model_targets(), hdf5_targets(),
                            checkpoint_targets(), word_targets()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

FuzzTarget fuzz_target(std::string_view name) {
  std::string names;
  for (const FuzzTarget& target : fuzz_targets()) {
    if (target.name == name) {
      return target;
    }
    names.append(" ").append(target.name);
  }
  throw BadInput(message_of("\"", name, "\": is none of the targets", names));
}

Reading feed(const FuzzTarget& target, std::string_view bytes) {
  try {
    target.read(bytes);
  } catch (const BadInput&) {
    return Reading::kRefused;
  }
  return Reading::kAccepted;
}

}  // namespace bam
