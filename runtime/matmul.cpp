#include "runtime/matmul.h"

#include <vector>

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

void check_product(const Operand& a, const Operand& b, const Tensor& c, Write write) {
  const DType dtype = a.matrix.dtype();
  check(rows_of(a) == c.rows() && cols_of(b) == c.cols() && cols_of(a) == rows_of(b),
        "product of (", rows_of(a), ", ", cols_of(a), ") and (", rows_of(b), ", ", cols_of(b),
        ") into ", text_of(c.shape()));
  check(dtype != DType::kInt32 && b.matrix.dtype() == dtype, "product of ", name_of(dtype), " and ",
        name_of(b.matrix.dtype()));
  check(c.dtype() == DType::kFloat32 || (c.dtype() == dtype && write == Write::kReplace),
        "product of ", name_of(dtype), write == Write::kAdd ? " added to " : " into ",
        name_of(c.dtype()));
}

// Whether there is something to multiply; a product over nothing is 0.
bool is_needed(Stream& stream, const Operand& a, const Tensor& c, Write write) {
  if (!c.empty() && cols_of(a) == 0 && write == Write::kReplace) {
    kernels_of(stream).fill_zero(stream, c);
  }
  return !c.empty() && cols_of(a) > 0;
}

double operations_of(const Operand& a, const Tensor& c) {
  return 2.0 * static_cast<double>(c.elements() * cols_of(a));
}

}  // namespace

void matmul(Stream& stream, const Operand& a, const Operand& b, const Tensor& c, Write write) {
  const Traced traced(stream, Activity::kProducts, "matmul");
  check_product(a, b, c, write);
  if (is_needed(stream, a, c, write)) {
    stream.count_operations(operations_of(a, c));
    kernels_of(stream).matmul(stream, a, b, c, write);
  }
}

void matmul_plus(Stream& stream, const Operand& a, const Operand& b, const Tensor& addend,
                 const Tensor& sum) {
  const Traced traced(stream, Activity::kProducts, "matmul");
  check_product(a, b, sum, Write::kAdd);
  check(addend.dtype() == sum.dtype() && addend.shape() == sum.shape(), "a product added to ",
        text_of(addend.shape()), " into ", text_of(sum.shape()));
  if (is_needed(stream, a, sum, Write::kAdd)) {
    stream.count_operations(operations_of(a, sum));
    kernels_of(stream).matmul_plus(stream, a, b, addend, sum);
  } else if (!sum.empty()) {
    kernels_of(stream).copy(stream, addend, sum);
  }
}

void matmul_each(Stream& stream, std::span<const Product> products, Write write) {
  const Traced traced(stream, Activity::kProducts, "matmul");
  std::vector<Product> needed;
  for (const Product& product : products) {
    check_product(product.a, product.b, product.c, write);
    if (is_needed(stream, product.a, product.c, write)) {
      stream.count_operations(operations_of(product.a, product.c));
      needed.push_back(product);
    }
  }
  kernels_of(stream).matmul_each(stream, needed, write);
}

}  // namespace bam
