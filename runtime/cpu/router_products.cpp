// Rows of bf16 are converted a block at a time: it stays in the cache of the thread that multiplies
// it. Blocks depend on the shapes alone, and with them the bits.
#include "runtime/cpu/kernels.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/vector_math.h"

namespace bam::cpu {
namespace {

constexpr std::int64_t kLogitRows = 64;      // of a block: whole rows
constexpr std::int64_t kGradientRows = 512;  // of a block, and
constexpr std::int64_t kGradientCols = 256;  // the columns of all blocks that a task adds up

constexpr std::int64_t parts_of(std::int64_t size, std::int64_t part) {
  return (size + part - 1) / part;
}

// Every OpenMP thread's block in fp32.
class Blocks {
 public:
  Blocks(Stream& stream, std::int64_t elements)
      : all_(stream, {omp_get_max_threads(), elements}, DType::kFloat32) {}

  float* mine() const { return all_.data<float>() + omp_get_thread_num() * all_.cols(); }

 private:
  Tensor all_;
};

// logits[first, first + rows) from h's rows.
void block_logits(const Tensor& h, const Tensor& weight, const Tensor& logits, std::int64_t first,
                  std::int64_t rows, float* block) {
  const std::int64_t d = h.cols();
  const std::int64_t experts = weight.rows();
  convert(h.data<bfloat16>() + first * d, block, rows * d);
  compute({.m = rows,
           .n = experts,
           .k = d,
           .a = {block, d},
           .b = {weight.raw(), d, /*is_transposed=*/true},
           .c = logits.data<float>() + first * experts,
           .c_leading = experts,
           .dtype = DType::kFloat32,
           .c_dtype = DType::kFloat32});
}

// weight_gradient[:, col, col + cols) += the block's rows.
void add_block_gradient(const Tensor& d_logits, const Tensor& h, const Tensor& weight_gradient,
                        std::int64_t first, std::int64_t rows, std::int64_t col, std::int64_t cols,
                        float* block) {
  const std::int64_t d = h.cols();
  const std::int64_t experts = d_logits.cols();
  for (std::int64_t row = 0; row < rows; ++row) {
    convert(h.data<bfloat16>() + (first + row) * d + col, block + row * cols, cols);
  }
  compute({.m = experts,
           .n = cols,
           .k = rows,
           .a = {d_logits.data<float>() + first * experts, experts, /*is_transposed=*/true},
           .b = {block, cols},
           .c = weight_gradient.data<float>() + col,
           .c_leading = d,
           .dtype = DType::kFloat32,
           .c_dtype = DType::kFloat32,
           .write = Write::kAdd});
}

}  // namespace

void router_logits(Stream& stream, const Tensor& h, const Tensor& weight, const Tensor& logits) {
  if (h.dtype() == DType::kFloat32) {
    return cpu::matmul(stream, h, transposed(weight), logits, Write::kReplace);
  }
  const Blocks blocks(stream, std::min(h.rows(), kLogitRows) * h.cols());
  const double operations = 2.0 * static_cast<double>(kLogitRows * weight.elements());
  for_tasks(stream, parts_of(h.rows(), kLogitRows), operations, [&](std::int64_t i) {
    const std::int64_t first = i * kLogitRows;
    block_logits(h, weight, logits, first, std::min(kLogitRows, h.rows() - first), blocks.mine());
  });
}

void router_input_gradient(Stream& stream, const Tensor& d_logits, const Tensor& weight,
                           const Tensor& dh) {
  cpu::matmul(stream, d_logits, weight, dh, Write::kAdd);
}

void router_weight_gradient(Stream& stream, const Tensor& d_logits, const Tensor& h,
                            const Tensor& weight_gradient) {
  if (h.dtype() == DType::kFloat32) {
    return cpu::matmul(stream, transposed(d_logits), h, weight_gradient, Write::kAdd);
  }
  const std::int64_t d = h.cols();
  const Blocks blocks(stream, std::min(h.rows(), kGradientRows) * std::min(d, kGradientCols));
  const double operations = 2.0 * static_cast<double>(d_logits.elements() * kGradientCols);
  for_tasks(stream, parts_of(d, kGradientCols), operations, [&](std::int64_t i) {
    const std::int64_t col = i * kGradientCols;
    const std::int64_t cols = std::min(kGradientCols, d - col);
    for (std::int64_t first = 0; first < h.rows(); first += kGradientRows) {
      add_block_gradient(d_logits, h, weight_gradient, first,
                         std::min(kGradientRows, h.rows() - first), col, cols, blocks.mine());
    }
  });
}

}  // namespace bam::cpu
