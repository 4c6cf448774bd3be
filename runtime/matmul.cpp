#include "runtime/matmul.h"

#include "runtime/check.h"
#include "runtime/cpu/onednn.h"
#include "runtime/elementwise.h"

namespace bam {
namespace {

struct Sizes {
  std::int64_t rows;
  std::int64_t cols;
};

Sizes sizes_of(const Operand& operand) {
  check(operand.matrix.shape().size() == 2, "product of a tensor ", text_of(operand.matrix.shape()));
  const Sizes plain{operand.matrix.rows(), operand.matrix.cols()};
  return operand.is_transposed ? Sizes{plain.cols, plain.rows} : plain;
}

cpu::MatrixRef reference(const Operand& operand) {
  const Tensor& matrix = operand.matrix;
  const std::int64_t stride = matrix.cols();
  return {matrix.raw(), matrix.dtype(), operand.is_transposed ? 1 : stride,
          operand.is_transposed ? stride : 1};
}

// Rows of a piece, so that one takes about a millisecond and messages in flight move on between them.
constexpr double kPieceFlops = 2e8;

std::int64_t piece_rows(std::int64_t m, std::int64_t k, std::int64_t n) {
  const double rows = kPieceFlops / (2.0 * static_cast<double>(k) * static_cast<double>(n));
  return std::min(m, std::max<std::int64_t>(64, static_cast<std::int64_t>(rows) / 64 * 64));
}

}  // namespace

void matmul(Stream& stream, const Operand& a, const Operand& b, const Tensor& c, Write write) {
  const auto [m, k] = sizes_of(a);
  const auto [k_of_b, n] = sizes_of(b);
  check(k == k_of_b && c.shape() == Shape{m, n}, "product of (", m, ", ", k, ") and (", k_of_b,
        ", ", n, ") into ", text_of(c.shape()));
  check(a.matrix.dtype() == b.matrix.dtype() && a.matrix.dtype() != DType::kInt32,
        "product of ", name_of(a.matrix.dtype()), " and ", name_of(b.matrix.dtype()));
  check(c.dtype() == DType::kFloat32 || (c.dtype() == a.matrix.dtype() && write == Write::kReplace),
        "product of ", name_of(a.matrix.dtype()), " into ", name_of(c.dtype()));
  if (m == 0 || n == 0) {
    return;
  }
  if (k == 0) {
    if (write == Write::kReplace) {
      fill_zero(stream, c);
    }
    return;
  }
  const std::int64_t rows = stream.polls() ? piece_rows(m, k, n) : m;
  const cpu::MatrixRef all = reference(a);
  for (std::int64_t first = 0; first < m; first += rows) {
    const std::int64_t count = std::min(rows, m - first);
    cpu::MatrixRef part = all;
    part.data = static_cast<const std::byte*>(all.data) +
                static_cast<std::size_t>(first * all.row_stride) * bytes_of(all.dtype);
    cpu::product(count, k, n, part, reference(b), c.slice(first, first + count).raw(), c.dtype(),
                 n, write == Write::kAdd);
    stream.poll();
  }
}

}  // namespace bam
