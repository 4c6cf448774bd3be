#pragma once

#include "tests/reference/matrix.h"

namespace bam::reference {

/// h = (x - mean) / sqrt(variance + epsilon) * w, row by row; the variance is over all d elements.
/// x (n, d), w (1, d).
Matrix layer_norm(const Matrix& x, const Matrix& w, double epsilon);
/// Returns dx; dw += its gradient.
Matrix layer_norm_backward(const Matrix& x, const Matrix& w, double epsilon, const Matrix& dh,
                           Matrix& dw);

}  // namespace bam::reference
