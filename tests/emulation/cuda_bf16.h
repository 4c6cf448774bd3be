#pragma once

// bf16 as CUDA names it, by the project's own rounding.

#include "runtime/dtype.h"

struct __nv_bfloat16 {
  std::uint16_t bits;
};

inline __nv_bfloat16 __float2bfloat16_rn(float value) { return {bam::bfloat16(value).bits}; }
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 value) { return value.bits; }
