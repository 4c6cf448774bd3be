#include "runtime/swiglu.h"

#include "runtime/check.h"
#include "runtime/kernels.h"

namespace bam {
namespace {

void check_pair(const Tensor& gate_up, const Tensor& out) {
  check(gate_up.dtype() != DType::kInt32 && gate_up.dtype() == out.dtype() &&
            gate_up.rows() == out.rows() && gate_up.cols() == 2 * out.cols(),
        "swiglu between ", name_of(gate_up.dtype()), " ", text_of(gate_up.shape()), " and ",
        name_of(out.dtype()), " ", text_of(out.shape()));
}

}  // namespace

void swiglu(Stream& stream, const Tensor& gate_up, const Tensor& out) {
  const Traced traced(stream, Activity::kRows, "swiglu");
  check_pair(gate_up, out);
  kernels_of(stream).swiglu(stream, gate_up, out);
}

void swiglu_backward(Stream& stream, const Tensor& gate_up, const Tensor& d_out,
                     const Tensor& d_gate_up, const Tensor& out) {
  const Traced traced(stream, Activity::kRows, "swiglu_backward");
  check_pair(gate_up, d_out);
  check_pair(d_gate_up, d_out);
  check_pair(gate_up, out);
  kernels_of(stream).swiglu_backward(stream, gate_up, d_out, d_gate_up, out);
}

}  // namespace bam
