#pragma once

#include <memory>
#include <string>

#include "runtime/attention.h"

namespace bam::cuda {

/// Attention by cuDNN's fused kernels, for what they can compute: bf16, every key row a query,
/// heads of up to 128 in steps of 16, whole sequences or documents of which it is known how many
/// there may be; on GPUs of compute capability 9, for which backward's sums can be in a fixed
/// order. Found when it is first used; what it leaves has kernels of our own
/// (runtime/cuda/attention.cu).
///
/// What computes a call depends on the shape and on whether there are documents, never on how many:
/// the same sequences give the same bits in any batch, recorded or not, if it is deterministic.
class FlashAttention {
 public:
  /// What backward may work in, but for four sequences' or documents' gradients of scores.
  static constexpr std::int64_t kWorkspaceBytes = std::int64_t{2} << 30;

  explicit FlashAttention(std::int64_t workspace_bytes = kWorkspaceBytes);
  ~FlashAttention();
  FlashAttention(const FlashAttention&) = delete;
  FlashAttention& operator=(const FlashAttention&) = delete;

  /// Whether backward adds up in a fixed order, as at first; if not, its last bits are others every
  /// time, for speed.
  void set_deterministic(bool is_deterministic) { is_deterministic_ = is_deterministic; }

  /// As attention promises; returns whether it did it. Where it did not, nothing has been written.
  bool forward(Stream& stream, const AttentionShape& shape, const Tensor& q, const Tensor& k,
               const Tensor& v, const Tensor& query_rows, const Tensor& document_starts,
               const Tensor& out, const Tensor& log_sums);
  /// As attention_backward promises, likewise.
  bool backward(Stream& stream, const AttentionShape& shape, const Tensor& q, const Tensor& k,
                const Tensor& v, const Tensor& query_rows, const Tensor& document_starts,
                const Tensor& out, const Tensor& log_sums, const Tensor& d_out, const Tensor& dq,
                const Tensor& dk, const Tensor& dv);

  /// Of how many attentions over the same keys' rows the heads may stand side by side in one call
  /// that is taken wherever the call for one of them is; at least one.
  static std::int64_t at_once(const AttentionShape& shape);

  /// Why cuDNN did not do what it should have been able to; empty: it has not been missing so far.
  const std::string& refusal() const { return refusal_; }

 private:
  class Session;

  Session* session(Stream& stream);

  std::int64_t workspace_bytes_;
  bool is_deterministic_ = true;
  std::unique_ptr<Session> session_;
  std::string refusal_;
};

}  // namespace bam::cuda
