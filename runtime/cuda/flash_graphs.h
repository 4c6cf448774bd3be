#pragma once

#include "runtime/cuda/operation_graph.h"

namespace bam::cuda {

/// What a plan of fused attention depends on. All is bf16; queries, keys, values, their gradients
/// and outputs are rows (token, head, head_dim).
struct FlashShape {
  std::int64_t sequences;  // of a call; with documents, how many of these
  std::int64_t length;     // of a sequence; of a document at most
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t head_dim;
  bool is_ragged;                // documents of any length, that begin where it is said
  bool is_backward;              // the gradient
  bool is_in_any_order = false;  // backward adds up in whatever order things come

  auto operator<=>(const FlashShape&) const = default;
};

/// Names of a graph's tensors.
enum FlashName : std::int64_t {
  kQ = 1,
  kK,
  kV,
  kOut,
  kLogSums,  // fp32: (token, head), or before a backward without documents (sequence, head, token)
  kScale,    // numbers
  kUnseen,   // what scores of keys become that are not seen
  kDOut,
  kDQ,
  kDK,
  kDV,
  kShifts,     // working memory, as kLogSums
  kOne,        // a number
  kDKOfHeads,  // working memory of documents whose heads share keys: as kQ, four bytes an element
  kDVOfHeads,
  kLengths,     // (documents) int32
  kQueryEdges,  // (documents + 1) int64: where each document begins in kQ, in elements
  kKeyEdges,    // the same in kK
  kRowEdges,    // the same in kLogSums
  kDQSums,      // working memory where any order will do: fp32, as many elements as kDQ
};

/// Causal attention or its gradient as cuDNN's fused kernels want it described: the operations of
/// FlashAttention-2 (arXiv 2307.08691), nothing random, backward in the form whose sums cuDNN takes
/// in a fixed order on GPUs of compute capability 9; or, in any order, in that which has the tiles
/// of keys add to the queries' gradients as they come, and needs not the scores'.
OperationGraph flash_graph(const Cudnn& cudnn, const FlashShape& shape);

/// Bytes that backward in a fixed order works in: the gradients of all scores, bf16.
std::int64_t flash_backward_bytes(const FlashShape& shape);

}  // namespace bam::cuda
