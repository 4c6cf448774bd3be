#include "runtime/matmul.h"

#include "runtime/check.h"
#include "runtime/kernels.h"

namespace bam {
namespace {

std::int64_t rows_of(const Operand& operand) {
  return operand.is_transposed ? operand.matrix.cols() : operand.matrix.rows();
}

std::int64_t cols_of(const Operand& operand) {
  return operand.is_transposed ? operand.matrix.rows() : operand.matrix.cols();
}

}  // namespace

void matmul(Stream& stream, const Operand& a, const Operand& b, const Tensor& c, Write write) {
  const Traced traced(stream, Activity::kProducts, "matmul");
  const DType dtype = a.matrix.dtype();
  check(rows_of(a) == c.rows() && cols_of(b) == c.cols() && cols_of(a) == rows_of(b),
        "product of (", rows_of(a), ", ", cols_of(a), ") and (", rows_of(b), ", ", cols_of(b),
        ") into ", text_of(c.shape()));
  check(dtype != DType::kInt32 && b.matrix.dtype() == dtype, "product of ", name_of(dtype), " and ",
        name_of(b.matrix.dtype()));
  check(c.dtype() == DType::kFloat32 || (c.dtype() == dtype && write == Write::kReplace),
        "product of ", name_of(dtype), write == Write::kAdd ? " added to " : " into ",
        name_of(c.dtype()));
  if (c.empty()) {
    return;
  }
  stream.count_operations(2.0 * static_cast<double>(c.elements() * cols_of(a)));
  if (cols_of(a) > 0) {
    kernels_of(stream).matmul(stream, a, b, c, write);
  } else if (write == Write::kReplace) {
    kernels_of(stream).fill_zero(stream, c);
  }
}

}  // namespace bam
