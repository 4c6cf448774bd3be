#include "runtime/embedding.h"

#include "runtime/indices.h"
#include "runtime/kernels.h"

namespace bam {
namespace {

void check_rows(const Tensor& tokens, const Tensor& table, const Tensor& x) {
  check(x.dtype() == DType::kFloat32 && x.rows() == tokens.elements() && x.cols() == table.cols(),
        "embedding of ", tokens.elements(), " tokens from ", text_of(table.shape()), " into ",
        name_of(x.dtype()), " ", text_of(x.shape()));
  check_indices(tokens, table.rows(), "token");
}

}  // namespace

void embedding(Stream& stream, const Tensor& tokens, const Tensor& table, const Tensor& x) {
  const Traced traced(stream, Activity::kRows, "embedding");
  check(table.dtype() != DType::kInt32, "embedding table of ", name_of(table.dtype()));
  check_rows(tokens, table, x);
  kernels_of(stream).embedding(stream, tokens, table, x);
}

void embedding_backward(Stream& stream, const Tensor& tokens, const Tensor& dx,
                        const Tensor& table_gradient) {
  const Traced traced(stream, Activity::kRows, "embedding_backward");
  check(table_gradient.dtype() == DType::kFloat32, "embedding gradient of ",
        name_of(table_gradient.dtype()));
  check_rows(tokens, table_gradient, dx);
  kernels_of(stream).embedding_backward(stream, tokens, dx, table_gradient);
}

}  // namespace bam
