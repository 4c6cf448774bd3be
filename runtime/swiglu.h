#pragma once

#include "runtime/tensor.h"

namespace bam {

/// out = silu(gate) * up, element by element. All (n, hidden), one dtype, fp32 or bf16.
void swiglu(Stream& stream, const Tensor& gate, const Tensor& up, const Tensor& out);

/// From gate, up and d_out: d_gate, d_up, and out once more (the down projection's input, which
/// forward did not keep). Each of the three may be the tensor of an input.
void swiglu_backward(Stream& stream, const Tensor& gate, const Tensor& up, const Tensor& d_out,
                     const Tensor& d_gate, const Tensor& d_up, const Tensor& out);

}  // namespace bam
