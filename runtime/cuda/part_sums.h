#pragma once

#include "runtime/tensor.h"

namespace bam::cuda {

/// total (size elements) fp32 += the sum of sums' rows, sums (parts, size) fp32: second stage of a
/// sum that a kernel leaves in parts. The order of the sum depends on `parts` alone.
void add_part_sums(Stream& stream, const Tensor& sums, const Tensor& total);

}  // namespace bam::cuda
