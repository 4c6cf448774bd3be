#include "runtime/attention.h"

#include "runtime/check.h"
#include "runtime/kernels.h"

namespace bam {
namespace {

void check_matrix(const Tensor& tensor, DType dtype, std::int64_t rows, std::int64_t cols,
                  const char* what) {
  check(tensor.dtype() == dtype && tensor.rows() == rows && tensor.cols() == cols,
        "attention: ", what, " is ", name_of(tensor.dtype()), " ", text_of(tensor.shape()),
        " instead of ", name_of(dtype), " (", rows, ", ", cols, ")");
}

void check_places(const AttentionShape& shape, const Tensor& query_rows,
                  const Tensor& document_starts) {
  check(document_starts.elements() == shape.keys(), "attention: ", document_starts.elements(),
        " document starts for ", shape.keys(), " keys");
  if (!document_starts.is_on_host()) {
    return;
  }
  const std::span<const std::int32_t> starts = document_starts.span<std::int32_t>();
  std::int32_t last = -1;
  std::int32_t last_start = 0;
  for (const std::int32_t row : query_rows.span<std::int32_t>()) {
    check(last < row && row < shape.keys(), "attention: query at key row ", row, " after one at ",
          last, ", of ", shape.keys(), " keys");
    const std::int32_t start = starts[static_cast<std::size_t>(row)];
    check(row / shape.length * shape.length <= start && last_start <= start && start <= row,
          "attention: the document of key row ", row, " starts at ", start, ", after one at ",
          last_start);
    last = row;
    last_start = start;
  }
}

// That there are no more documents than is said, one after the other.
void check_documents(const AttentionShape& shape, const Tensor& document_starts) {
  if (shape.documents == AttentionShape::kNotKnown || !document_starts.is_on_host()) {
    return;
  }
  const std::span<const std::int32_t> starts = document_starts.span<std::int32_t>();
  std::int64_t found = 0;
  for (std::int64_t row = 0; row < shape.keys(); ++row) {
    const std::int32_t start = starts[static_cast<std::size_t>(row)];
    const bool goes_on =
        row % shape.length != 0 && start == starts[static_cast<std::size_t>(row - 1)];
    check(start == row || goes_on, "attention: key row ", row, " is of a document that starts at ",
          start, ", and the row before it is not");
    found += start == row ? 1 : 0;
  }
  const bool is_whole = shape.documents == AttentionShape::kWhole;
  check(found <= (is_whole ? shape.sequences : shape.documents), "attention: ", found,
        " documents in ", shape.sequences, " sequences, where at most ", shape.documents,
        " are expected (0: one each)");
}

/// Products of a query's and a key's element, were each to see half of its sequence.
double attended(const AttentionShape& shape, const Tensor& query_rows) {
  return 0.5 * static_cast<double>(query_rows.elements() * shape.length * shape.heads *
                                   shape.head_dim);
}

void check_inputs(const AttentionShape& shape, const Tensor& q, const Tensor& k, const Tensor& v,
                  const Tensor& query_rows, const Tensor& document_starts) {
  check(shape.kv_heads > 0 && shape.heads % shape.kv_heads == 0, "attention: ", shape.heads,
        " heads on ", shape.kv_heads, " key heads");
  check(q.dtype() != DType::kInt32, "attention of ", name_of(q.dtype()));
  check_matrix(q, q.dtype(), query_rows.elements(), shape.heads * shape.head_dim, "q");
  check_matrix(k, q.dtype(), shape.keys(), shape.kv_heads * shape.head_dim, "k");
  check_matrix(v, q.dtype(), shape.keys(), shape.kv_heads * shape.head_dim, "v");
  check_places(shape, query_rows, document_starts);
  check_documents(shape, document_starts);
}

}  // namespace

void attention(Stream& stream, const AttentionShape& shape, const Tensor& q, const Tensor& k,
               const Tensor& v, const Tensor& query_rows, const Tensor& document_starts,
               const Tensor& out, const Tensor& log_sums) {
  const Traced traced(stream, Activity::kAttention, "attention");
  check_inputs(shape, q, k, v, query_rows, document_starts);
  check_matrix(out, q.dtype(), q.rows(), q.cols(), "out");
  check_matrix(log_sums, DType::kFloat32, q.rows(), shape.heads, "log_sums");
  stream.count_operations(4.0 * attended(shape, query_rows));
  kernels_of(stream).attention(stream, shape, q, k, v, query_rows, document_starts, out, log_sums);
}

std::int64_t attentions_at_once(const Stream& stream, const AttentionShape& shape) {
  return kernels_of(stream).attentions_at_once(shape);
}

void attention_backward(Stream& stream, const AttentionShape& shape, const Tensor& q,
                        const Tensor& k, const Tensor& v, const Tensor& query_rows,
                        const Tensor& document_starts, const Tensor& out, const Tensor& log_sums,
                        const Tensor& d_out, const Tensor& dq, const Tensor& dk, const Tensor& dv) {
  const Traced traced(stream, Activity::kAttention, "attention_backward");
  check_inputs(shape, q, k, v, query_rows, document_starts);
  check_matrix(out, q.dtype(), q.rows(), q.cols(), "out");
  check_matrix(log_sums, DType::kFloat32, q.rows(), shape.heads, "log_sums");
  check_matrix(d_out, q.dtype(), q.rows(), q.cols(), "d_out");
  check_matrix(dq, q.dtype(), q.rows(), q.cols(), "dq");
  check_matrix(dk, q.dtype(), k.rows(), k.cols(), "dk");
  check_matrix(dv, q.dtype(), v.rows(), v.cols(), "dv");
  stream.count_operations(10.0 * attended(shape, query_rows));
  kernels_of(stream).attention_backward(stream, shape, q, k, v, query_rows, document_starts, out,
                                        log_sums, d_out, dq, dk, dv);
}

}  // namespace bam
