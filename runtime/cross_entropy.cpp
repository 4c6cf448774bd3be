#include "runtime/cross_entropy.h"

#include "runtime/indices.h"
#include "runtime/kernels.h"

namespace bam {
namespace {

void check_losses(const Tensor& logits, const Tensor& targets, const Tensor& losses) {
  check(logits.dtype() != DType::kInt32 && losses.dtype() == DType::kFloat32 &&
            targets.elements() == logits.rows() && losses.elements() == logits.rows(),
        "cross entropy of ", name_of(logits.dtype()), " ", text_of(logits.shape()), " with ",
        targets.elements(), " targets into ", name_of(losses.dtype()), " ",
        text_of(losses.shape()));
  check_indices(targets, logits.cols(), "target", kNotScored);
}

}  // namespace

void cross_entropy(Stream& stream, const Tensor& logits, const Tensor& targets,
                   const Tensor& losses) {
  const Traced traced(stream, Activity::kRows, "cross_entropy");
  check_losses(logits, targets, losses);
  kernels_of(stream).cross_entropy(stream, logits, targets, losses);
}

void cross_entropy_with_gradient(Stream& stream, const Tensor& logits, const Tensor& targets,
                                 double scale, const Tensor& losses, const Tensor& d_logits) {
  const Traced traced(stream, Activity::kRows, "cross_entropy_with_gradient");
  check_losses(logits, targets, losses);
  check(d_logits.shape() == logits.shape() && d_logits.dtype() == logits.dtype(),
        "cross entropy gradient ", name_of(d_logits.dtype()), " ", text_of(d_logits.shape()),
        " of logits ", name_of(logits.dtype()), " ", text_of(logits.shape()));
  kernels_of(stream).cross_entropy_with_gradient(stream, logits, targets, scale, losses, d_logits);
}

}  // namespace bam
