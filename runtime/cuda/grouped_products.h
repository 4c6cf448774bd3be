#pragma once

#include <memory>
#include <span>

#include "runtime/matmul.h"

namespace bam::cuda {

/// Products of several shapes in one call, by cuBLAS's grouped products: found when they are first
/// used (runtime/cuda/library.h).
class GroupedProducts {
 public:
  GroupedProducts();
  ~GroupedProducts();
  GroupedProducts(const GroupedProducts&) = delete;
  GroupedProducts& operator=(const GroupedProducts&) = delete;

  /// As matmul_each promises; no size is 0. Returns false, with nothing done, where cuBLAS is not
  /// there or does not take them together: of several dtypes, bf16 whose sums are to be fp32, or
  /// one that begins at no multiple of 16 bytes.
  bool compute(Stream& stream, std::span<const Product> products, Write write);

 private:
  class Cublas;

  std::unique_ptr<Cublas> library_;
  bool is_missing_ = false;
};

}  // namespace bam::cuda
