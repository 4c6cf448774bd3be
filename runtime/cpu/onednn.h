#pragma once

#include <cstdint>

#include "runtime/dtype.h"

namespace bam::cpu {

/// A matrix in memory: element (i, j) is at data[i * row_stride + j * column_stride]; one of the
/// strides is 1.
struct MatrixRef {
  const void* data;
  DType dtype;
  std::int64_t row_stride;
  std::int64_t column_stride;
};

/// c (m, n) = a (m, k) b (k, n), or c += a b, by oneDNN. c is row-major with `c_stride` elements a row,
/// fp32 or the inputs' dtype. Runs on the calling thread's OpenMP team; inside a parallel region on
/// that thread alone. All sizes positive.
void product(std::int64_t m, std::int64_t k, std::int64_t n, MatrixRef a, MatrixRef b, void* c,
             DType c_dtype, std::int64_t c_stride, bool add);

}  // namespace bam::cpu
