#include "parallel/planner/cost/run_shape.h"

namespace bam {

ModelSizes::ModelSizes(const ModelConfig& config) {
  for (const ParameterSpec& spec : parameter_specs(config)) {
    const auto elements = static_cast<double>(spec.elements());
    if (!spec.is_expert()) {
      const bool is_fp32 = weight_dtype(spec, Precision::kBFloat16) == DType::kFloat32;
      shared_weights.push_back({elements, is_fp32, spec.role == Role::kOutput});
      (is_fp32 ? shared_fp32 : shared) += elements;
      embedding += spec.role == Role::kEmbedding ? elements : 0;
    } else if (spec.layer == 0 && spec.expert == 0) {
      (spec.role == Role::kAttention ? attention_expert : ffn_expert) += elements;
    }
  }
}

}  // namespace bam
