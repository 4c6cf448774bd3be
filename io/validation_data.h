#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "io/token_data.h"
#include "model/batch.h"

namespace bam {

/// Windows of validation tokens as a batch, and which document each row's target belongs to.
struct ValidationBatch {
  Batch batch;
  std::vector<std::int64_t> documents;  // (rows); -1 where not scored
};

/// The first documents of a domain's validation split as one stream of tokens cut into windows:
/// every token but the BOS is scored exactly once.
class ValidationData {
 public:
  /// Keeps the fewest whole documents that hold `tokens` tokens, or all there are. `domain` goes
  /// into the batches. Throws BadInput where the split is empty.
  ValidationData(TokenData data, std::int64_t sequence_length, std::int64_t tokens, int domain,
                 bool separate_documents);

  std::int64_t windows() const;
  /// A rank's share of the windows from `first` on, the last one filled up; those past the end hold
  /// nothing that is scored.
  ValidationBatch batch(Stream& stream, std::int64_t first, const BatchShare& share) const;

  /// Documents kept; their tokens, BOS included; their targets scored; their text's bytes.
  std::int64_t documents() const { return documents_; }
  std::int64_t tokens() const { return tokens_; }
  std::int64_t scored_targets() const { return tokens_ - documents_; }
  std::int64_t bytes() const { return bytes_; }
  std::int64_t document_bytes(std::int64_t document) const {
    return data_.document_bytes(Split::kValidation, document);
  }

 private:
  /// A batch's columns before they become tensors.
  struct Rows {
    std::vector<std::int32_t> tokens;
    std::vector<std::int32_t> targets;
    std::vector<std::int32_t> document_starts;
  };

  /// A window's tokens and the one after them.
  std::vector<std::int32_t> tokens_of(std::int64_t window) const;
  /// How many of them are of the stream.
  std::size_t real_tokens(std::int64_t window) const;
  /// One window's rows of a batch, from row `first_row`.
  void fill(std::int64_t window, std::int64_t first_row, Rows& out) const;
  void find_documents(std::int64_t window, std::span<const std::int32_t> targets,
                      std::span<std::int64_t> documents) const;

  TokenData data_;
  std::int64_t length_;
  std::int64_t documents_ = 0;
  std::int64_t tokens_ = 0;
  std::int64_t bytes_ = 0;
  int domain_;
  bool separate_documents_;
};

}  // namespace bam
