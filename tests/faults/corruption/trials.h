#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/faults/corruption/damage.h"

namespace bam {

/// What came of one damaged run.
struct Outcome {
  enum class End {
    kRefused,    // told of by the right name, and gone on from the right checkpoint
    kMisnamed,   // refused, without the name
    kAccepted,   // the damaged checkpoint was taken
    kWrongStep,  // refused, but gone on from another checkpoint than the one before
    kCrashed,    // of the process that read it
  };
  End end = End::kRefused;
  double seconds = 0;  // that reading took, in a process of its own
};

/// The trials of one kind of damage.
struct Trials {
  std::vector<Outcome> outcomes;
  std::vector<std::string> failures;  // the first few, for people
};

/// Makes each damage, lets a process of its own look for the checkpoint to go on from, and undoes
/// it. By kind.
std::map<std::string, Trials> tried(const SpoiltRun& run, const std::vector<Damage>& damages);

}  // namespace bam
