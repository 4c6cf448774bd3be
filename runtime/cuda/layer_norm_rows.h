#pragma once

#include "runtime/tensor.h"

namespace bam::cuda {

/// Whether the threads of a block can hold a row of so many columns in their registers, which is
/// when the functions below serve (other rows: layer_norm.cu), and these tensors' rows begin in
/// packs of 4.
bool fits_in_registers(std::int64_t cols, std::initializer_list<const Tensor*> tensors);

/// As layer_norm and layer_norm_backward. Each block walks over rows, reads each of their elements
/// once and the next row while it adds up this one; backward it keeps its rows' part of the
/// weight's gradient, and a second kernel adds those up.
void layer_norm_rows(Stream& stream, const Tensor& x, const Tensor& weight, double epsilon,
                     const Tensor& h, const Tensor& statistics);
void layer_norm_rows_backward(Stream& stream, const Tensor& x, const Tensor& weight,
                              const Tensor& statistics, const Tensor& dh, const Tensor& dx,
                              const Tensor& weight_gradient, const Tensor& low);

}  // namespace bam::cuda
