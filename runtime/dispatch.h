#pragma once

#include <utility>

#include "runtime/dtype.h"

namespace bam {

/// body(T{}) with T the element type of `dtype`, which is fp32 or bf16.
template <class Body>
void with_float_type(DType dtype, Body&& body) {
  if (dtype == DType::kBFloat16) {
    body(bfloat16{});
  } else {
    body(float{});
  }
}

}  // namespace bam
