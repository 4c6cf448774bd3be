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

void scale_rows(Stream& stream, const Tensor& in, const Tensor& factors, std::int64_t column,
                const Tensor& out) {
  const Traced traced(stream, Activity::kRouting, "scale_rows");
  check(in.shape() == out.shape() && in.dtype() == out.dtype() && in.dtype() != DType::kInt32,
        "scale_rows of ", name_of(in.dtype()), " ", text_of(in.shape()), " into ",
        name_of(out.dtype()), " ", text_of(out.shape()));
  check(factors.rows() == in.rows() && 0 <= column && column < factors.cols() &&
            factors.dtype() == DType::kFloat32,
        "scale_rows: column ", column, " of factors ", text_of(factors.shape()), " for rows ",
        text_of(in.shape()));
  kernels_of(stream).scale_rows(stream, in, factors, column, out);
}

void dot_rows(Stream& stream, const Tensor& a, const Tensor& b, const Tensor& dots,
              std::int64_t column) {
  const Traced traced(stream, Activity::kRouting, "dot_rows");
  check(a.shape() == b.shape() && a.dtype() == b.dtype() && a.dtype() != DType::kInt32,
        "dot_rows of ", name_of(a.dtype()), " ", text_of(a.shape()), " and ", name_of(b.dtype()),
        " ", text_of(b.shape()));
  check(dots.rows() == a.rows() && 0 <= column && column < dots.cols() &&
            dots.dtype() == DType::kFloat32,
        "dot_rows: column ", column, " of ", text_of(dots.shape()), " for rows ",
        text_of(a.shape()));
  kernels_of(stream).dot_rows(stream, a, b, dots, column);
}

}  // namespace bam
