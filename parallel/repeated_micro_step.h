#pragma once

#include <optional>

#include "model/transformer.h"

namespace bam {

/// A micro-step that is the same work every time, recorded (Recording) when it comes up the second
/// time and done from the record from then on.
class RepeatedMicroStep {
 public:
  /// What the work depends on, apart from the batch's shape and the values in tensors.
  struct Kind {
    double capacity_factor = 0;
    double rows = 0;  // as in BalanceTerm
    double share = 0;
    bool operator==(const Kind&) const = default;
  };

  /// Begins a micro-step; returns whether saved() and batch() are to be used for it: not for the
  /// first of a kind, which finds out what libraries need, and lets go of other kinds' record. A
  /// record serves batches of as many documents as its own, or fewer.
  bool begin(Stream& stream, const Batch& batch, const Kind& kind);

  /// Lets go of the record, and of its memory.
  void forget();

  Saved& saved() { return *saved_; }
  /// The batch that begin() was given, always in the same tensors.
  const Batch& batch() const { return batch_; }

 private:
  void take_over(Stream& stream, const Batch& batch);

  std::optional<Kind> kind_;
  Batch batch_;  // the newest; once recorded, the tensors that the record knows
  std::optional<Saved> saved_;
};

}  // namespace bam
