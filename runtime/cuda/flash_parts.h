#pragma once

#include <vector>

#include "runtime/attention.h"
#include "runtime/cuda/flash_graphs.h"

namespace bam::cuda {

/// What one call of cuDNN's computes: some sequences that are a document each, or some documents.
struct FlashPart {
  FlashShape shape;
  std::int64_t sequence;  // its first, where each is one document
  std::int64_t document;  // its first, where not
};

/// Whether documents are told apart.
inline bool has_documents(const AttentionShape& shape) { return shape.documents > 0; }

/// Bytes that backward works in for one sequence or document.
std::int64_t flash_backward_bytes_of_one(const AttentionShape& shape);

/// All of them. Forward takes all sequences at once; backward as many sequences or documents as
/// have room in `workspace_bytes`, but four at least. Parts begin at multiples of four, so that
/// what belongs to one is aligned to 16 bytes; with documents all have one size, whatever there is
/// in them.
std::vector<FlashPart> flash_forward_parts(const AttentionShape& shape);
std::vector<FlashPart> flash_backward_parts(const AttentionShape& shape,
                                            std::int64_t workspace_bytes);
/// Backward that adds up in any order: all at once, as forward.
std::vector<FlashPart> flash_backward_parts_in_any_order(const AttentionShape& shape);

}  // namespace bam::cuda
