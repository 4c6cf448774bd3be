#include "runtime/swiglu.h"

#include "runtime/check.h"
#include "runtime/kernels.h"

namespace bam {
namespace {

void check_alike(const Tensor& gate, const Tensor& other) {
  check(gate.dtype() != DType::kInt32 && gate.dtype() == other.dtype() &&
            gate.shape() == other.shape(),
        "swiglu of gate ", name_of(gate.dtype()), " ", text_of(gate.shape()), " and ",
        name_of(other.dtype()), " ", text_of(other.shape()));
}

}  // namespace

void swiglu(Stream& stream, const Tensor& gate, const Tensor& up, const Tensor& out) {
  const Traced traced(stream, Activity::kRows, "swiglu");
  check_alike(gate, up);
  check_alike(gate, out);
  kernels_of(stream).swiglu(stream, gate, up, out);
}

void swiglu_backward(Stream& stream, const Tensor& gate, const Tensor& up, const Tensor& d_out,
                     const Tensor& d_gate, const Tensor& d_up, const Tensor& out) {
  const Traced traced(stream, Activity::kRows, "swiglu_backward");
  for (const Tensor* other : {&up, &d_out, &d_gate, &d_up, &out}) {
    check_alike(gate, *other);
  }
  kernels_of(stream).swiglu_backward(stream, gate, up, d_out, d_gate, d_up, out);
}

}  // namespace bam
