#include "parallel/repeated_micro_step.h"

#include <algorithm>
#include <functional>

#include "runtime/elementwise.h"

namespace bam {
namespace {

using Counts = std::vector<std::int64_t>;  // a rank each

bool are_at_most(const Counts& counts, const Counts& limits) {
  return counts.size() == limits.size() && std::ranges::equal(counts, limits, std::less_equal());
}

// The larger of each; `counts` where there is nothing to compare with.
Counts largest(Counts counts, const Counts& others) {
  if (counts.size() == others.size()) {
    std::ranges::transform(counts, others, counts.begin(), std::ranges::max);
  }
  return counts;
}

}  // namespace

bool RepeatedMicroStep::begin(Stream& stream, const Batch& batch, const Kind& kind) {
  const bool is_alike =
      kind_ == kind && batch_.sequences == batch.sequences && batch_.length == batch.length;
  const bool is_known = is_alike && are_at_most(batch.rank_documents, batch_.rank_documents);
  if (!is_known || !saved_) {
    const Counts documents = batch_.rank_documents;
    batch_ = batch;
    batch_.rank_documents =
        is_alike ? largest(batch.rank_documents, documents) : batch.rank_documents;
  }
  if (!is_known) {
    forget();
    kind_ = kind;
    return false;
  }
  if (!saved_) {
    stream.memory().trim();  // the record has a memory of its own
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
