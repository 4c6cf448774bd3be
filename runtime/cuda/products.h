#pragma once

#include <initializer_list>
#include <memory>

#include "runtime/matmul.h"

namespace bam::cuda {

/// Matrix products on a GPU, by cuBLASLt: found when it is first used (runtime/cuda/library.h), so
/// that a program starts without it. fp32 is fp32, never TF32.
class Products {
 public:
  Products();
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  /// As matmul promises; no size is 0.
  void compute(Stream& stream, const Operand& a, const Operand& b, const Tensor& c, Write write);
  /// As matmul_plus promises; no size is 0.
  void compute_plus(Stream& stream, const Operand& a, const Operand& b, const Tensor& addend,
                    const Tensor& sum);

 private:
  class CublasLt;

  CublasLt& library(std::initializer_list<const Tensor*> tensors);

  std::unique_ptr<CublasLt> library_;
};

}  // namespace bam::cuda
