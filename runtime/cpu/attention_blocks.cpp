#include "runtime/cpu/attention_blocks.h"

#include <algorithm>
#include <bit>

#include "runtime/dispatch.h"
#include "runtime/cpu/parallel.h"

namespace bam::cpu {
namespace {

std::int64_t rounded_down(std::int64_t value) { return value / kQueryBlock * kQueryBlock; }
std::int64_t rounded_up(std::int64_t value) { return rounded_down(value + kQueryBlock - 1); }

QueryBlock block_of(std::int64_t first, std::int64_t queries, std::int64_t sequence_begin,
                    std::int64_t length, std::span<const std::int32_t> query_rows,
                    std::span<const std::int32_t> document_starts) {
  std::int64_t begin = length;
  for (std::int64_t i = first; i < first + queries; ++i) {
    const auto row = static_cast<std::size_t>(query_rows[static_cast<std::size_t>(i)]);
    begin = std::min(begin, document_starts[row] - sequence_begin);
  }
  const std::int64_t last = query_rows[static_cast<std::size_t>(first + queries - 1)];
  const std::int64_t end = std::min(length, rounded_up(last - sequence_begin + 1));
  begin = rounded_down(begin);
  const auto padded = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(queries)));
  return {first, queries, padded, sequence_begin + begin, end - begin};
}

// to (cols, rows) = from (rows, cols), in pieces that stay in the nearest cache.
template <class T>
void turn(const T* from, std::int64_t leading, std::int64_t rows, std::int64_t cols, T* to) {
  constexpr std::int64_t kPiece = 16;
  for (std::int64_t row = 0; row < rows; row += kPiece) {
    const std::int64_t row_end = std::min(rows, row + kPiece);
    for (std::int64_t col = 0; col < cols; ++col) {
      for (std::int64_t r = row; r < row_end; ++r) {
        to[col * rows + r] = from[r * leading + col];
      }
    }
  }
}

}  // namespace

std::vector<std::vector<QueryBlock>> query_blocks(const AttentionShape& shape,
                                                  std::span<const std::int32_t> query_rows,
                                                  std::span<const std::int32_t> document_starts) {
  std::vector<std::vector<QueryBlock>> blocks(static_cast<std::size_t>(shape.sequences));
  auto next = query_rows.begin();
  for (std::int64_t sequence = 0; sequence < shape.sequences; ++sequence) {
    const std::int64_t begin = sequence * shape.length;
    const auto end = std::lower_bound(next, query_rows.end(), begin + shape.length);
    while (next != end) {
      const std::int64_t queries = std::min<std::int64_t>(kQueryBlock, end - next);
      blocks[static_cast<std::size_t>(sequence)].push_back(
          block_of(next - query_rows.begin(), queries, begin, shape.length, query_rows,
                   document_starts));
      next += queries;
    }
  }
  return blocks;
}

Tensor turned_keys(Stream& stream, const AttentionShape& shape, const Tensor& k) {
  const std::int64_t d = shape.head_dim;
  Tensor turned(stream, {shape.sequences, shape.kv_heads, d, shape.length}, k.dtype());
  with_float_type(k.dtype(), [&]<class T>(T) {
    const auto operations = 8.0 * static_cast<double>(shape.length * d);
    for_tasks(stream, shape.sequences * shape.kv_heads, operations, [&](std::int64_t task) {
      const T* from =
          k.data<T>() + task / shape.kv_heads * shape.length * k.cols() + task % shape.kv_heads * d;
      turn(from, k.cols(), shape.length, d, turned.data<T>() + task * d * shape.length);
    });
  });
  return turned;
}

}  // namespace bam::cpu
