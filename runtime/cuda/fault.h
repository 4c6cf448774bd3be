#pragma once

#include <cstdint>

namespace bam::cuda {

/// The first value that a kernel found out of range, for the host to tell of at its next wait: what
/// the front doors check on a CPU, the host cannot read on a GPU without waiting.
struct Fault {
  enum Kind : int {
    kNone,
    kToken,
    kTarget,
    kPosition,
    kExpert,
    kRow,
    kQueryRow,
    kDocument,
    kDocuments,
  };
  int kind = kNone;
  int value = 0;
  std::int64_t end = 0;  // values must be below it
};

}  // namespace bam::cuda
