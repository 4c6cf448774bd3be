#pragma once

#include "runtime/attention.h"

namespace bam::cuda {

/// Where the documents of some sequences lie, for kernels that take them one by one. `count` places
/// for them; those past the last document are empty.
struct Documents {
  Tensor lengths;  // (count) int32
  // First rows, and the end of the last, times the elements of a row: (count + 1) int64, two of the
  // tensor's int32 each.
  Tensor query_edges;
  Tensor key_edges;
  Tensor row_edges;  // of rows of `heads` elements
};

/// Finds them in what attention is given; `count` is at least shape.documents. The stream's next
/// wait throws where rows or documents are not what is said of them.
Documents find_documents(Stream& stream, const AttentionShape& shape, const Tensor& query_rows,
                         const Tensor& document_starts, std::int64_t count);

/// Has the stream's next wait throw unless every sequence is one document and every row a query.
void check_whole_sequences(Stream& stream, const AttentionShape& shape, const Tensor& query_rows,
                           const Tensor& document_starts);

/// (sequences * length, heads) as (sequences, heads, length), fp32.
void turn_log_sums(Stream& stream, const AttentionShape& shape, const Tensor& from,
                   const Tensor& to);

}  // namespace bam::cuda
