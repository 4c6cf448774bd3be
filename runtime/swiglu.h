#pragma once

#include "runtime/tensor.h"

namespace bam {

/// out (n, hidden) = silu(gate) * up, element by element, of gate_up (n, 2 * hidden): each row is
/// that of gate, then that of up. One dtype, fp32 or bf16.
void swiglu(Stream& stream, const Tensor& gate_up, const Tensor& out);

/// From gate_up and d_out: d_gate_up, and out once more (the down projection's input, which forward
/// did not keep). d_gate_up may be gate_up, and out may be d_out.
void swiglu_backward(Stream& stream, const Tensor& gate_up, const Tensor& d_out,
                     const Tensor& d_gate_up, const Tensor& out);

}  // namespace bam
