#pragma once

#include <span>

#include "runtime/tensor.h"

namespace bam {

/// Sets every byte to zero.
void fill_zero(Stream& stream, const Tensor& out);
/// Every fp32 element = value.
void fill(Stream& stream, const Tensor& out, float value);
/// to = from, rounding where the dtypes differ. Same element counts; fp32 and bf16, or int32 to
/// int32.
void copy(Stream& stream, const Tensor& from, const Tensor& to);
/// sum (fp32) += part (fp32 or bf16). Same shapes.
void add(Stream& stream, const Tensor& part, const Tensor& sum);
/// Sum of the squares of all fp32 elements, in double and in a fixed order whatever the threads.
/// On a GPU, one wait for it.
double squared_norm(Stream& stream, std::span<const Tensor> tensors);
inline double squared_norm(Stream& stream, const Tensor& values) {
  return squared_norm(stream, std::span(&values, 1));
}
/// Whether every fp32 element is finite.
bool all_finite(Stream& stream, const Tensor& values);

}  // namespace bam
