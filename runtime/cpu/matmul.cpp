#include <algorithm>
#include <vector>

#include "runtime/cpu/kernels.h"
#include "runtime/cpu/onednn.h"
#include "runtime/cpu/parallel.h"

namespace bam::cpu {
namespace {

// Threads share out tiles. How a product is cut depends on the matrices alone, so that the bits of
// the result depend neither on the number of threads nor on how often the stream polls.
constexpr std::int64_t kTileCols = 1024;  // wide, so that oneDNN packs rows of `a` seldom
constexpr std::int64_t kLeastTiles = 4;   // few rows give narrower tiles instead, down to kColUnit
constexpr std::int64_t kColUnit = 64;

// Routed rows come in any number, as m or as k, and oneDNN compiles a kernel a size in a good part of
// a millisecond: so sizes are cut into `large` ones, a multiple of `small`, and the rest.
struct Cut {
  std::int64_t large;
  std::int64_t small;

  std::int64_t next(std::int64_t rest) const {
    if (rest >= large) {
      return large;
    }
    return rest >= small ? rest / small * small : rest;
  }
};
constexpr Cut kRows{128, 16};
constexpr Cut kDepth{1024, 64};

struct Tile {
  std::int64_t row;
  std::int64_t rows;
  std::int64_t col;
  std::int64_t cols;
};

std::int64_t parts_of(std::int64_t size, std::int64_t part) { return (size + part - 1) / part; }

std::int64_t tile_cols(const Tensor& c) {
  const std::int64_t tiles = std::max(parts_of(c.cols(), kTileCols),
                                      parts_of(kLeastTiles, parts_of(c.rows(), kRows.large)));
  return parts_of(parts_of(c.cols(), tiles), kColUnit) * kColUnit;
}

std::vector<Tile> tiles_of(const Tensor& c) {
  std::vector<Tile> tiles;
  const std::int64_t width = tile_cols(c);
  for (std::int64_t row = 0, rows = 0; row < c.rows(); row += rows) {
    rows = kRows.next(c.rows() - row);
    for (std::int64_t col = 0; col < c.cols(); col += width) {
      tiles.push_back({row, rows, col, std::min(width, c.cols() - col)});
    }
  }
  return tiles;
}

// The factor's part from row `row`, column `col` on.
Factor part_of(const Operand& operand, std::int64_t row, std::int64_t col) {
  const std::int64_t leading = operand.matrix.cols();
  const std::int64_t element = operand.is_transposed ? col * leading + row : row * leading + col;
  const std::byte* data =
      operand.matrix.raw() + element * static_cast<std::int64_t>(bytes_of(operand.matrix.dtype()));
  return {data, leading, operand.is_transposed};
}

std::int64_t depth_of(const Operand& a) {
  return a.is_transposed ? a.matrix.rows() : a.matrix.cols();
}

// A bf16 result is rounded once, so its depth is not cut.
void compute_tile(const Operand& a, const Operand& b, const Tensor& c, Write write,
                  const Tile& tile) {
  const std::int64_t depth = depth_of(a);
  const bool is_cut = c.dtype() == DType::kFloat32;
  const auto c_bytes = static_cast<std::int64_t>(bytes_of(c.dtype()));
  for (std::int64_t done = 0, k = 0; done < depth; done += k) {
    k = is_cut ? kDepth.next(depth - done) : depth;
    compute({.m = tile.rows,
             .n = tile.cols,
             .k = k,
             .a = part_of(a, tile.row, done),
             .b = part_of(b, done, tile.col),
             .c = c.raw() + (tile.row * c.cols() + tile.col) * c_bytes,
             .c_leading = c.cols(),
             .dtype = a.matrix.dtype(),
             .c_dtype = c.dtype(),
             .write = done == 0 ? write : Write::kAdd});
  }
}

}  // namespace

void matmul(Stream& stream, const Operand& a, const Operand& b, const Tensor& c, Write write) {
  const std::vector<Tile> tiles = tiles_of(c);
  const auto count = static_cast<std::int64_t>(tiles.size());
  const double operations =
      2.0 * static_cast<double>(c.elements() * depth_of(a)) / static_cast<double>(count);
  for_tasks(stream, count, operations, [&](std::int64_t i) {
    compute_tile(a, b, c, write, tiles[static_cast<std::size_t>(i)]);
  });
}

void matmul_plus(Stream& stream, const Operand& a, const Operand& b, const Tensor& addend,
                 const Tensor& sum) {
  cpu::copy(stream, addend, sum);
  cpu::matmul(stream, a, b, sum, Write::kAdd);
}

void matmul_each(Stream& stream, std::span<const bam::Product> products, Write write) {
  for (const bam::Product& product : products) {
    cpu::matmul(stream, product.a, product.b, product.c, write);
  }
}

}  // namespace bam::cpu
