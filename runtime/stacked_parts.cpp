#include "runtime/stacked_parts.h"

#include "runtime/check.h"
#include "runtime/kernels.h"

namespace bam {
namespace {

void check_parts(const Tensor& stacked, const Tensor& wide) {
  const std::int64_t d = stacked.cols();
  check(d > 0 && wide.cols() % d == 0 && stacked.rows() == wide.rows() * (wide.cols() / d) &&
            stacked.dtype() == wide.dtype() && wide.dtype() != DType::kInt32,
        "parts stacked ", name_of(stacked.dtype()), " ", text_of(stacked.shape()),
        " and side by side ", name_of(wide.dtype()), " ", text_of(wide.shape()));
}

}  // namespace

void put_side_by_side(Stream& stream, const Tensor& stacked, const Tensor& wide) {
  const Traced traced(stream, Activity::kRows, "put_side_by_side");
  check_parts(stacked, wide);
  kernels_of(stream).put_side_by_side(stream, stacked, wide);
}

void stack_parts(Stream& stream, const Tensor& wide, const Tensor& stacked, Write write) {
  const Traced traced(stream, Activity::kRows, "stack_parts");
  check_parts(stacked, wide);
  stacked.check_dtype(DType::kFloat32);
  kernels_of(stream).stack_parts(stream, wide, stacked, write);
}

}  // namespace bam
