#pragma once

#include <cstdint>

#include "runtime/dtype.h"
#include "runtime/matmul.h"

namespace bam::cpu {

/// A factor of a product: element (i, j) is data[i * leading + j], or data[j * leading + i] if
/// transposed.
struct Factor {
  const void* data;
  std::int64_t leading;
  bool is_transposed = false;
};

/// c (m, n) = or += a (m, k) b (k, n); a and b of `dtype`, c of `c_dtype`, sums in fp32.
struct Product {
  std::int64_t m;
  std::int64_t n;
  std::int64_t k;  // 1 or more, as are m and n
  Factor a;
  Factor b;
  void* c;
  std::int64_t c_leading;
  DType dtype;
  DType c_dtype;
  Write write = Write::kReplace;
};

/// Computes it on the calling thread alone, so that its bits do not depend on the threads.
void compute(const Product& product);

}  // namespace bam::cpu
