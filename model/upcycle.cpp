#include "model/upcycle.h"

#include "model/model_difference.h"
#include "runtime/check.h"

namespace bam {

Origin origin_of(const ParameterSpec& spec, int parents) {
  if (spec.is_router()) {
    return {Origin::How::kRandom};
  }
  if (spec.is_expert()) {
    return {Origin::How::kCopy, spec.expert < parents ? spec.expert : 0};
  }
  return {Origin::How::kAverage};
}

void validate_upcycle(const ModelConfig& mixture, int parents) {
  check_input(mixture.mixture.has_value(), "model.mixture: missing where a mixture is to be made");
  check_input(parents >= 2, "parents: ", parents, " where at least 2 were expected");
  if (mixture.has_attention_experts()) {
    check_input(mixture.attention_experts() == parents, "model.mixture.attention.experts: ",
                mixture.attention_experts(), " where ", parents, " parents were given");
  }
  check_input(mixture.ffn_experts() >= parents, "model.mixture.ffn.experts: ",
              mixture.ffn_experts(), " where ", parents, " parents were given");
}

void validate_parent(const ModelConfig& mixture, const ModelConfig& parent,
                     const std::string& name) {
  check_input(!parent.mixture, name, ": is a mixture where a dense model was expected");
  const std::string difference = dense_difference_of(parent, mixture);
  check_input(difference.empty(), name, ": differs from the mixture in ", difference);
}

}  // namespace bam
