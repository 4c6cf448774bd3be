#pragma once

#include <optional>

#include "runtime/check.h"
#include "runtime/tensor.h"

namespace bam {

/// Throws Error unless every index, or `none`, is of [0, end). int32 on the host; elsewhere the
/// kernel that reads the indices checks them, and the stream's next wait throws.
inline void check_indices(const Tensor& indices, std::int64_t end, const char* what,
                          std::optional<std::int32_t> none = std::nullopt) {
  if (!indices.is_on_host()) {
    return;
  }
  for (const std::int32_t index : indices.span<std::int32_t>()) {
    check((0 <= index && index < end) || index == none, what, " ", index, " is not below ", end);
  }
}

}  // namespace bam
