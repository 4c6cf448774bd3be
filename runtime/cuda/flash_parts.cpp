#include "runtime/cuda/flash_parts.h"

#include <algorithm>
#include <bit>

namespace bam::cuda {
namespace {

constexpr std::int64_t kLeastAtOnce = 4;

FlashShape flash_shape(const AttentionShape& shape, std::int64_t sequences, bool is_backward) {
  return {.sequences = sequences,
          .length = shape.length,
          .heads = shape.heads,
          .kv_heads = shape.kv_heads,
          .head_dim = shape.head_dim,
          .is_ragged = has_documents(shape),
          .is_backward = is_backward};
}

std::vector<FlashPart> whole_parts(const AttentionShape& shape, std::int64_t most,
                                   bool is_backward) {
  std::vector<FlashPart> parts;
  const std::int64_t calls = (shape.sequences + most - 1) / most;
  const std::int64_t even = (shape.sequences + calls - 1) / calls;
  const std::int64_t at_once = (even + kLeastAtOnce - 1) / kLeastAtOnce * kLeastAtOnce;
  for (std::int64_t first = 0; first < shape.sequences; first += at_once) {
    const std::int64_t count = std::min(at_once, shape.sequences - first);
    parts.push_back({flash_shape(shape, count, is_backward), first, 0});
  }
  return parts;
}

std::vector<FlashPart> document_parts(const AttentionShape& shape, std::int64_t most,
                                      bool is_backward) {
  std::vector<FlashPart> parts;
  const auto limit = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(most)));
  const std::int64_t at_once = std::min(limit, kDocumentsAtOnce);
  for (std::int64_t first = 0; first < shape.documents; first += at_once) {
    parts.push_back({flash_shape(shape, at_once, is_backward), 0, first});
  }
  return parts;
}

// `most`: sequences or documents of a call.
std::vector<FlashPart> parts_of(const AttentionShape& shape, std::int64_t most, bool is_backward) {
  return has_documents(shape) ? document_parts(shape, most, is_backward)
                              : whole_parts(shape, most, is_backward);
}

std::vector<FlashPart> parts_at_once(const AttentionShape& shape, bool is_backward) {
  return parts_of(shape, std::max(shape.sequences, kDocumentsAtOnce), is_backward);
}

}  // namespace

std::int64_t flash_backward_bytes_of_one(const AttentionShape& shape) {
  return flash_backward_bytes(flash_shape(shape, 1, true));
}

std::vector<FlashPart> flash_forward_parts(const AttentionShape& shape) {
  return parts_at_once(shape, false);
}

std::vector<FlashPart> flash_backward_parts(const AttentionShape& shape,
                                            std::int64_t workspace_bytes) {
  const std::int64_t most = workspace_bytes / flash_backward_bytes_of_one(shape);
  return parts_of(shape, std::max(kLeastAtOnce, most), true);
}

std::vector<FlashPart> flash_backward_parts_in_any_order(const AttentionShape& shape) {
  std::vector<FlashPart> parts = parts_at_once(shape, true);
  for (FlashPart& part : parts) {
    part.shape.is_in_any_order = true;
  }
  return parts;
}

}  // namespace bam::cuda
