#pragma once

#include "runtime/tensor.h"

namespace bam {

/// Target of a position that is not scored.
inline constexpr std::int32_t kNotScored = -1;

/// losses[i] = logsumexp(logits[i]) - logits[i, targets[i]] (natural logarithm), 0 where not
/// scored. logits (n, vocabulary) fp32 or bf16; targets (n) int32; losses (n) fp32. Computed in
/// fp32.
void cross_entropy(Stream& stream, const Tensor& logits, const Tensor& targets,
                   const Tensor& losses);

/// The same, and d_logits = scale * (softmax(logits) - onehot(target)), 0 where not scored.
/// d_logits (n, vocabulary), of the logits' dtype: it may be logits.
void cross_entropy_with_gradient(Stream& stream, const Tensor& logits, const Tensor& targets,
                                 double scale, const Tensor& losses, const Tensor& d_logits);

}  // namespace bam
