#pragma once

#include "model/config.h"

namespace bam {

/// Floating-point operations (a multiply and an add are two) of the products of one forward pass,
/// counted once whatever the ranks, recomputation left out. Causal attention counts T (T + 1) / 2
/// pairs a sequence; routed experts count as often as they are chosen. docs/benchmarks.md has the
/// formula.
double forward_flops(const ModelConfig& config, double sequences, double length);

/// Forward and backward: backward is twice forward.
double training_flops(const ModelConfig& config, double sequences, double length);

}  // namespace bam
