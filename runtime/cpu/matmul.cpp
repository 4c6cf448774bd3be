#include <algorithm>

#include "runtime/cpu/kernels.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/parallel.h"

namespace bam::cpu {
namespace {

// Tiles are what threads share out. Their sizes depend on the matrices alone, so that the bits of
// the result do not depend on the number of threads nor on how often the stream polls.
constexpr std::int64_t kTileRows = 256;
constexpr std::int64_t kTileCols = 256;

std::int64_t tiles_of(std::int64_t size, std::int64_t tile) { return (size + tile - 1) / tile; }

// The factor's part from row `row`, column `col` on.
Factor part_of(const Operand& operand, std::int64_t row, std::int64_t col) {
  const std::int64_t leading = operand.matrix.cols();
  const std::int64_t element = operand.is_transposed ? col * leading + row : row * leading + col;
  const std::byte* data =
      operand.matrix.raw() + element * static_cast<std::int64_t>(bytes_of(operand.matrix.dtype()));
  return {data, leading, operand.is_transposed};
}

Product tile(const Operand& a, const Operand& b, const Tensor& c, Write write, std::int64_t row,
             std::int64_t col) {
  const std::int64_t k = a.is_transposed ? a.matrix.rows() : a.matrix.cols();
  const auto c_bytes = static_cast<std::int64_t>(bytes_of(c.dtype()));
  return {.m = std::min(kTileRows, c.rows() - row),
          .n = std::min(kTileCols, c.cols() - col),
          .k = k,
          .a = part_of(a, row, 0),
          .b = part_of(b, 0, col),
          .c = c.raw() + (row * c.cols() + col) * c_bytes,
          .c_leading = c.cols(),
          .dtype = a.matrix.dtype(),
          .c_dtype = c.dtype(),
          .write = write};
}

}  // namespace

void matmul(Stream& stream, const Operand& a, const Operand& b, const Tensor& c, Write write) {
  const std::int64_t k = a.is_transposed ? a.matrix.rows() : a.matrix.cols();
  const std::int64_t across = tiles_of(c.cols(), kTileCols);
  const std::int64_t tiles = tiles_of(c.rows(), kTileRows) * across;
  const double operations =
      2.0 * static_cast<double>(c.elements() * k) / static_cast<double>(tiles);
  for_tasks(stream, tiles, operations, [&](std::int64_t i) {
    compute(tile(a, b, c, write, i / across * kTileRows, i % across * kTileCols));
  });
}

}  // namespace bam::cpu
