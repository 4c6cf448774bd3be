#include "parallel/repeated_micro_step.h"

#include <algorithm>
#include <functional>

#include "runtime/attention.h"
#include "runtime/elementwise.h"

namespace bam {
namespace {

using Counts = std::vector<std::int64_t>;  // a rank each

bool are_at_most(const Counts& counts, const Counts& limits) {
  return counts.size() == limits.size() && std::ranges::equal(counts, limits, std::less_equal());
}

// What a record is made for that is to serve these numbers of documents, and others if there are as
// many: the larger of each, and a little room.
Counts limits_for(Counts counts, const Counts& others) {
  if (counts.size() == others.size()) {
    std::ranges::transform(counts, others, counts.begin(), std::ranges::max);
  }
  for (std::int64_t& count : counts) {
    count = (count + kDocumentsAtOnce - 1) / kDocumentsAtOnce * kDocumentsAtOnce;
  }
  return counts;
}

}  // namespace

bool RepeatedMicroStep::begin(Stream& stream, const Batch& batch, const Kind& kind) {
  const bool is_alike =
      kind_ == kind && batch_.sequences == batch.sequences && batch_.length == batch.length;
  const bool is_known = is_alike && are_at_most(batch.rank_documents, batch_.rank_documents);
  if (!is_known || !saved_) {
    const Counts documents = is_alike ? batch_.rank_documents : Counts();
    batch_ = batch;
    batch_.rank_documents = limits_for(batch.rank_documents, documents);
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
