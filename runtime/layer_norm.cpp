#include "runtime/layer_norm.h"

#include "runtime/check.h"
#include "runtime/kernels.h"

namespace bam {
namespace {

void check_norm(const Tensor& x, const Tensor& weight, const Tensor& h, const Tensor& statistics) {
  check(x.dtype() == DType::kFloat32 && h.dtype() != DType::kInt32 && h.shape() == x.shape(),
        "layer norm of ", name_of(x.dtype()), " ", text_of(x.shape()), " with output ",
        name_of(h.dtype()), " ", text_of(h.shape()));
  check(weight.dtype() == DType::kFloat32 && weight.elements() == x.cols(), "layer norm weight ",
        text_of(weight.shape()), " for ", text_of(x.shape()));
  check(statistics.dtype() == DType::kFloat32 && statistics.rows() == x.rows() &&
            statistics.cols() == 2,
        "layer norm statistics ", text_of(statistics.shape()), " for ", text_of(x.shape()));
}

}  // namespace

void layer_norm(Stream& stream, const Tensor& x, const Tensor& weight, double epsilon,
                const Tensor& h, const Tensor& statistics) {
  const Traced traced(stream, Activity::kRows, "layer_norm");
  check_norm(x, weight, h, statistics);
  kernels_of(stream).layer_norm(stream, x, weight, epsilon, h, statistics);
}

void layer_norm_backward(Stream& stream, const Tensor& x, const Tensor& weight,
                         const Tensor& statistics, const Tensor& dh, const Tensor& dx,
                         const Tensor& weight_gradient, const Tensor& low) {
  const Traced traced(stream, Activity::kRows, "layer_norm_backward");
  check_norm(x, weight, dh, statistics);
  check(dx.dtype() == DType::kFloat32 && dx.shape() == x.shape(), "layer norm dx ",
        text_of(dx.shape()), " for ", text_of(x.shape()));
  check(weight_gradient.empty() ||
            (weight_gradient.dtype() == DType::kFloat32 && weight_gradient.elements() == x.cols()),
        "layer norm weight gradient ", text_of(weight_gradient.shape()), " for ",
        text_of(x.shape()));
  check(low.empty() || (low.dtype() == DType::kBFloat16 && low.shape() == x.shape()),
        "layer norm dx ", text_of(low.shape()), " in low precision for ", text_of(x.shape()));
  kernels_of(stream).layer_norm_backward(stream, x, weight, statistics, dh, dx, weight_gradient,
                                         low);
}

}  // namespace bam
