#pragma once

#include "runtime/tensor.h"

namespace bam {

/// Sets every byte to zero.
void fill_zero(Stream& stream, const Tensor& out);
/// to = from, rounding where the dtypes differ. Same element counts; fp32 and bf16, or int32 to int32.
void copy(Stream& stream, const Tensor& from, const Tensor& to);
/// sum (fp32) += part (fp32 or bf16). Same shapes.
void add(Stream& stream, const Tensor& part, const Tensor& sum);
/// Sum of the squares of fp32 elements, in double and in a fixed order whatever the threads.
double squared_norm(Stream& stream, const Tensor& values);
/// Whether every fp32 element is finite.
bool all_finite(Stream& stream, const Tensor& values);

/// out (n, d) = factors[:, column] * in (n, d), row by row. factors (n, m) fp32; in and out of one
/// dtype. In place when out is in.
void scale_rows(Stream& stream, const Tensor& in, const Tensor& factors, std::int64_t column,
                const Tensor& out);
/// dots[:, column] = row-wise <a, b>. a, b (n, d) of one dtype; dots (n, m) fp32.
void dot_rows(Stream& stream, const Tensor& a, const Tensor& b, const Tensor& dots,
              std::int64_t column);

}  // namespace bam
