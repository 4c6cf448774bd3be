#include "runtime/elementwise.h"

#include "runtime/check.h"
#include "runtime/kernels.h"

namespace bam {

void fill_zero(Stream& stream, const Tensor& out) {
  const Traced traced(stream, Activity::kRows, "fill_zero");
  kernels_of(stream).fill_zero(stream, out);
}

void fill(Stream& stream, const Tensor& out, float value) {
  const Traced traced(stream, Activity::kRows, "fill");
  check(out.dtype() == DType::kFloat32, "filling ", name_of(out.dtype()), " with ", value);
  kernels_of(stream).fill(stream, out, value);
}

void copy(Stream& stream, const Tensor& from, const Tensor& to) {
  const Traced traced(stream, Activity::kRows, "copy");
  check(from.elements() == to.elements(), "copy of ", text_of(from.shape()), " to ",
        text_of(to.shape()));
  check((from.dtype() == DType::kInt32) == (to.dtype() == DType::kInt32), "copy of ",
        name_of(from.dtype()), " to ", name_of(to.dtype()));
  kernels_of(stream).copy(stream, from, to);
}

void add(Stream& stream, const Tensor& part, const Tensor& sum) {
  const Traced traced(stream, Activity::kRows, "add");
  check(part.shape() == sum.shape() && sum.dtype() == DType::kFloat32 &&
            part.dtype() != DType::kInt32,
        "adding ", name_of(part.dtype()), " ", text_of(part.shape()), " to ", name_of(sum.dtype()),
        " ", text_of(sum.shape()));
  kernels_of(stream).add(stream, part, sum);
}

double squared_norm(Stream& stream, std::span<const Tensor> tensors) {
  const Traced traced(stream, Activity::kOptimizer, "squared_norm");
  for (const Tensor& values : tensors) {
    check(values.dtype() == DType::kFloat32, "squared_norm of ", name_of(values.dtype()));
  }
  return kernels_of(stream).squared_norm(stream, tensors);
}

bool all_finite(Stream& stream, const Tensor& values) {
  const Traced traced(stream, Activity::kOptimizer, "all_finite");
  check(values.dtype() == DType::kFloat32, "all_finite of ", name_of(values.dtype()));
  return kernels_of(stream).all_finite(stream, values);
}

}  // namespace bam
