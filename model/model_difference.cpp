#include "model/model_difference.h"

#include "runtime/check.h"

namespace bam {
namespace {

/// Collects the fields whose values differ.
class Differences {
 public:
  template <class T>
  void compare(const char* field, const T& left, const T& right) {
    if (left != right) {
      text_ += message_of(text_.empty() ? "" : ", ", field, ": ", left, " against ", right);
    }
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void compare_dense(const ModelConfig& left, const ModelConfig& right, Differences& out) {
  out.compare("vocabulary", left.vocabulary, right.vocabulary);
  out.compare("d_model", left.d_model, right.d_model);
  out.compare("n_layers", left.n_layers, right.n_layers);
  out.compare("n_heads", left.n_heads, right.n_heads);
  out.compare("n_kv_heads", left.n_kv_heads, right.n_kv_heads);
  out.compare("ffn_hidden", left.ffn_hidden, right.ffn_hidden);
  out.compare("tied_embeddings", left.tied_embeddings, right.tied_embeddings);
  out.compare("rope_theta", left.rope_theta, right.rope_theta);
  out.compare("norm_epsilon", left.norm_epsilon, right.norm_epsilon);
  out.compare("separate_documents", left.separate_documents, right.separate_documents);
}

void compare_attention(const AttentionMixture& left, const AttentionMixture& right,
                       Differences& out) {
  out.compare("mixture.attention.experts", left.experts, right.experts);
  out.compare("mixture.attention.routing", static_cast<int>(left.routing),
              static_cast<int>(right.routing));
  out.compare("mixture.attention.top_k", left.top_k, right.top_k);
  out.compare("mixture.attention.key_value", static_cast<int>(left.key_value),
              static_cast<int>(right.key_value));
  out.compare("mixture.attention.renormalise", left.renormalise, right.renormalise);
}

void compare_mixture(const MixtureConfig& left, const MixtureConfig& right, Differences& out) {
  out.compare("mixture.ffn.experts", left.ffn.experts, right.ffn.experts);
  out.compare("mixture.ffn.top_k", left.ffn.top_k, right.ffn.top_k);
  out.compare("mixture.ffn.renormalise", left.ffn.renormalise, right.ffn.renormalise);
  out.compare("mixture.attention", left.attention ? "present" : "absent",
              right.attention ? "present" : "absent");
  if (left.attention && right.attention) {
    compare_attention(*left.attention, *right.attention, out);
  }
}

}  // namespace

std::string difference_of(const ModelConfig& left, const ModelConfig& right) {
  Differences out;
  compare_dense(left, right, out);
  out.compare("mixture", left.mixture ? "present" : "absent", right.mixture ? "present" : "absent");
  if (left.mixture && right.mixture) {
    compare_mixture(*left.mixture, *right.mixture, out);
  }
  return out.take();
}

std::string dense_difference_of(const ModelConfig& left, const ModelConfig& right) {
  Differences out;
  compare_dense(left, right, out);
  return out.take();
}

}  // namespace bam
