#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "runtime/check.h"
#include "runtime/tensor.h"

namespace bam::cpu {

/// Calls body(float{}) or body(bfloat16{}) by dtype: one kernel for both.
template <class Body>
void with_float_type(DType dtype, Body body) {
  check(dtype != DType::kInt32, "int32 where fp32 or bf16 was expected");
  if (dtype == DType::kFloat32) {
    body(float{});
  } else {
    body(bfloat16{});
  }
}

/// Calls body(i) for i in [0, count), spread over OpenMP's threads in fixed pieces.
template <class Body>
void for_each_row(std::int64_t count, Body body) {
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < count; ++i) {
    body(i);
  }
}

/// exp(x) to 2e-7 relative, 0 below -87: Cody-Waite reduction and a polynomial, so that loops over
/// it vectorise.
inline float fast_exp(float x) {
  const float clamped = std::min(std::max(x, -87.0F), 88.0F);
  const float n = std::nearbyint(clamped * 1.44269504F);
  const float r = (clamped - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  const auto power = std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
  return x < -87.0F ? 0.0F : p * power;
}

}  // namespace bam::cpu
