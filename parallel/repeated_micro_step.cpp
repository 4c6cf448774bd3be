#include "parallel/repeated_micro_step.h"

#include "runtime/elementwise.h"

namespace bam {

bool RepeatedMicroStep::begin(Stream& stream, const Batch& batch, const Kind& kind) {
  const bool is_known =
      kind_ == kind && batch_.sequences == batch.sequences && batch_.length == batch.length;
  if (!is_known) {
    forget();
    kind_ = kind;
    batch_ = batch;
    return false;
  }
  if (!saved_) {
    stream.memory().trim();  // the record has a memory of its own
    batch_ = batch;
    saved_.emplace();
    saved_->recording.begin(Recording::Pass::kRecord);
  } else {
    take_over(stream, batch);
    saved_->recording.begin(Recording::Pass::kReplay);
  }
  return true;
}

void RepeatedMicroStep::forget() {
  kind_.reset();
  saved_.reset();
}

void RepeatedMicroStep::take_over(Stream& stream, const Batch& batch) {
  copy(stream, batch.tokens, batch_.tokens);
  copy(stream, batch.targets, batch_.targets);
  copy(stream, batch.document_starts, batch_.document_starts);
  batch_.domains = batch.domains;
}

}  // namespace bam
