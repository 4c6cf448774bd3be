#include "model/router.h"

#include "runtime/router_products.h"

namespace bam {

RouterSaved Router::route(Stream& stream, const Tensor& h) const {
  RouterSaved saved;
  saved.probabilities = Tensor(stream, {h.rows(), weight_.value.rows()}, DType::kFloat32);
  router_logits(stream, h, weight_.value, saved.probabilities);
  saved.log_sums = Tensor(stream, {h.rows()}, DType::kFloat32);
  softmax_rows(stream, saved.probabilities, saved.probabilities, saved.log_sums);
  return saved;
}

void Router::backward(Stream& stream, const Tensor& h, const RouterSaved& saved, double z_scale,
                      const Tensor& d_probabilities, const Tensor& dh) const {
  softmax_rows_backward(stream, saved.probabilities, saved.log_sums, z_scale, d_probabilities,
                        d_probabilities);
  router_input_gradient(stream, d_probabilities, weight_.value, dh);
  router_weight_gradient(stream, d_probabilities, h, weight_.gradient);
}

}  // namespace bam
