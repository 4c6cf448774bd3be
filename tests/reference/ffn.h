#pragma once

#include "tests/reference/config.h"
#include "tests/reference/matrix.h"

namespace bam::reference {

/// silu(gate) * up, element by element; silu(x) = x / (1 + e^-x).
Matrix swiglu(const Matrix& gate, const Matrix& up);
struct SwigluGradient {
  Matrix gate;
  Matrix up;
};
SwigluGradient swiglu_backward(const Matrix& gate, const Matrix& up, const Matrix& d_out);

/// One FFN, of a dense model or an expert: down(silu(gate(h)) * up(h)). h (n, d_model).
Matrix ffn(const Weights& w, const Names& names, const Matrix& h);
/// Returns dh; dw += the weights' gradients.
Matrix ffn_backward(const Weights& w, const Names& names, const Matrix& h, const Matrix& dy,
                    Weights& dw);

}  // namespace bam::reference
