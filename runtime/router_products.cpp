#include "runtime/router_products.h"

#include "runtime/check.h"
#include "runtime/kernels.h"

namespace bam {
namespace {

// `rows` are h or its gradient.
void check_router(const Tensor& rows, const Tensor& weight, const Tensor& logits) {
  check(rows.dtype() != DType::kInt32 && weight.dtype() == DType::kFloat32 &&
            logits.dtype() == DType::kFloat32,
        "a router's rows ", name_of(rows.dtype()), ", weight ", name_of(weight.dtype()),
        ", logits ", name_of(logits.dtype()));
  check(rows.rows() == logits.rows() && rows.cols() == weight.cols() &&
            logits.cols() == weight.rows(),
        "a router's rows ", text_of(rows.shape()), ", weight ", text_of(weight.shape()),
        ", logits ", text_of(logits.shape()));
}

void count_operations(Stream& stream, const Tensor& rows, const Tensor& weight) {
  stream.count_operations(2.0 * static_cast<double>(rows.elements() * weight.rows()));
}

}  // namespace

void router_logits(Stream& stream, const Tensor& h, const Tensor& weight, const Tensor& logits) {
  const Traced traced(stream, Activity::kProducts, "router_logits");
  check_router(h, weight, logits);
  if (!logits.empty()) {
    count_operations(stream, h, weight);
    kernels_of(stream).router_logits(stream, h, weight, logits);
  }
}

void router_input_gradient(Stream& stream, const Tensor& d_logits, const Tensor& weight,
                           const Tensor& dh) {
  const Traced traced(stream, Activity::kProducts, "router_input_gradient");
  check_router(dh, weight, d_logits);
  check(dh.dtype() == DType::kFloat32, "a router's gradient added to ", name_of(dh.dtype()));
  if (!d_logits.empty()) {
    count_operations(stream, dh, weight);
    kernels_of(stream).router_input_gradient(stream, d_logits, weight, dh);
  }
}

void router_weight_gradient(Stream& stream, const Tensor& d_logits, const Tensor& h,
                            const Tensor& weight_gradient) {
  if (weight_gradient.empty()) {
    return;
  }
  const Traced traced(stream, Activity::kProducts, "router_weight_gradient");
  check_router(h, weight_gradient, d_logits);
  if (!d_logits.empty()) {
    count_operations(stream, h, weight_gradient);
    kernels_of(stream).router_weight_gradient(stream, d_logits, h, weight_gradient);
  }
}

}  // namespace bam
