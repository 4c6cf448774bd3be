#pragma once

#include <memory>

#include "runtime/attention.h"

namespace bam::cuda {

/// Attention by cuDNN's fused kernels, for what they can compute: bf16, every key row a query,
/// heads of up to 128 in steps of 8, documents of which it is known how many there are. Found when
/// it is first used; whoever does without it has kernels of our own (runtime/cuda/attention.cu).
class FlashAttention {
 public:
  FlashAttention();
  ~FlashAttention();
  FlashAttention(const FlashAttention&) = delete;
  FlashAttention& operator=(const FlashAttention&) = delete;

  /// As attention promises; returns whether it did it. Where it did not, nothing has been written:
  /// cuDNN is missing or refuses, or the environment's BAM_CUDNN_ATTENTION is 0.
  bool forward(Stream& stream, const AttentionShape& shape, const Tensor& q, const Tensor& k,
               const Tensor& v, const Tensor& query_rows, const Tensor& document_starts,
               const Tensor& out, const Tensor& log_sums);
  /// As attention_backward promises, likewise.
  bool backward(Stream& stream, const AttentionShape& shape, const Tensor& q, const Tensor& k,
                const Tensor& v, const Tensor& query_rows, const Tensor& document_starts,
                const Tensor& out, const Tensor& log_sums, const Tensor& d_out, const Tensor& dq,
                const Tensor& dk, const Tensor& dv);

 private:
  class Session;

  Session* session(Stream& stream);

  std::unique_ptr<Session> session_;
  bool is_missing_ = false;
};

}  // namespace bam::cuda
