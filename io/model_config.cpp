#include <algorithm>

#include "io/field_check.h"
#include "io/run_config.h"
#include "io/text_file.h"
#include "io/text_proto.h"

namespace bam {
namespace {

// Larger models overflow 64-bit counts; none is near.
constexpr std::int64_t kMostVocabulary = std::int64_t{1} << 31;
constexpr std::int64_t kMostWidth = std::int64_t{1} << 18;
constexpr std::int64_t kMostHidden = std::int64_t{1} << 20;
constexpr std::int64_t kMostLayers = 1024;
constexpr std::int64_t kMostExperts = 1024;
constexpr std::int64_t kMostExpertsInAll = std::int64_t{1} << 16;  // each is several weights to list

AttentionRouting routing_of(proto::AttentionMixture::Routing routing) {
  switch (routing) {
    case proto::AttentionMixture::TOP_K: return AttentionRouting::kTopK;
    case proto::AttentionMixture::UNIFORM: return AttentionRouting::kUniform;
    default: return AttentionRouting::kSoft;
  }
}

AttentionMixture attention_of(const proto::AttentionMixture& in, const FieldCheck& field) {
  const std::string at = "model.mixture.attention.";
  field.that(proto::AttentionMixture::Routing_IsValid(in.routing()), at + "routing", in.routing(),
             " is none of SOFT, TOP_K, UNIFORM");
  field.that(proto::AttentionMixture::KeyValue_IsValid(in.key_value()), at + "key_value",
             in.key_value(), " is none of PER_EXPERT, SHARED");
  AttentionMixture out;
  out.experts = field.whole<int>(in.experts(), at + "experts", 2, kMostExperts);
  out.routing = routing_of(in.routing());
  out.top_k = in.has_top_k() ? field.whole<int>(in.top_k(), at + "top_k", 1, out.experts) : 1;
  out.key_value =
      in.key_value() == proto::AttentionMixture::SHARED ? KeyValue::kShared : KeyValue::kPerExpert;
  out.renormalise = in.renormalise();
  out.z_loss = field.not_negative(in.z_loss(), at + "z_loss");
  return out;
}

FfnMixture ffn_of(const proto::FfnMixture& in, const FieldCheck& field) {
  const std::string at = "model.mixture.ffn.";
  FfnMixture out;
  out.experts = field.whole<int>(in.experts(), at + "experts", 2, kMostExperts);
  out.top_k = in.has_top_k() ? field.whole<int>(in.top_k(), at + "top_k", 1, out.experts) : 1;
  out.renormalise = in.renormalise();
  if (in.has_balance_loss()) {
    out.balance_loss = field.not_negative(in.balance_loss(), at + "balance_loss");
  }
  if (in.has_z_loss()) {
    out.z_loss = field.not_negative(in.z_loss(), at + "z_loss");
  }
  return out;
}

MixtureConfig mixture_of(const proto::MixtureConfig& in, const FieldCheck& field) {
  field.that(in.has_ffn(), "model.mixture.ffn", "missing where FFN experts were expected");
  MixtureConfig out;
  if (in.has_attention()) {
    out.attention = attention_of(in.attention(), field);
  }
  out.ffn = ffn_of(in.ffn(), field);
  if (in.has_router_init_std()) {
    out.router_init_std = field.positive(in.router_init_std(), "model.mixture.router_init_std");
  }
  return out;
}

/// Which of the two messages the text is: its first field gives it away.
bool is_run_config(std::string_view text) {
  constexpr const char* kBlank = " \t\r\n";
  std::size_t at = text.find_first_not_of(kBlank);
  while (at != text.npos && text[at] == '#') {
    at = text.find_first_not_of(kBlank, std::min(text.find('\n', at), text.size()));
  }
  const std::string_view field = text.substr(std::min(at, text.size()));
  const std::string_view name =
      field.substr(0, field.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"));
  return proto::RunConfig::descriptor()->FindFieldByName(std::string(name)) != nullptr;
}

}  // namespace

ModelConfig model_config_of(const proto::ModelConfig& in, const std::string& source) {
  const FieldCheck field(source);
  ModelConfig out;
  out.vocabulary = field.whole(in.vocabulary(), "model.vocabulary", 1, kMostVocabulary);
  out.d_model = field.whole(in.d_model(), "model.d_model", 1, kMostWidth);
  out.n_layers = field.whole<int>(in.n_layers(), "model.n_layers", 1, kMostLayers);
  out.n_heads = field.whole<int>(in.n_heads(), "model.n_heads", 1, kMostWidth);
  out.n_kv_heads = in.n_kv_heads() == 0
                       ? out.n_heads
                       : field.whole<int>(in.n_kv_heads(), "model.n_kv_heads", 1, out.n_heads);
  out.ffn_hidden = field.whole(in.ffn_hidden(), "model.ffn_hidden", 1, kMostHidden);
  out.tied_embeddings = in.tied_embeddings();
  if (in.has_rope_theta()) {
    out.rope_theta = field.positive(in.rope_theta(), "model.rope_theta");
  }
  if (in.has_norm_epsilon()) {
    out.norm_epsilon = field.positive(in.norm_epsilon(), "model.norm_epsilon");
  }
  if (in.has_init_std()) {
    out.init_std = field.positive(in.init_std(), "model.init_std");
  }
  out.separate_documents = !in.has_separate_documents() || in.separate_documents();
  if (in.has_mixture()) {
    out.mixture = mixture_of(in.mixture(), field);
  }
  const std::int64_t experts = std::max(out.attention_experts(), out.ffn_experts());
  field.that(experts * out.n_layers <= kMostExpertsInAll, "model.n_layers", out.n_layers,
             " of ", experts, " experts each, where at most ", kMostExpertsInAll,
             " in all were expected");
  naming(source, [&] { validate(out); });
  return out;
}

proto::RunConfig read_run_or_model_config(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  proto::RunConfig config;
  if (is_run_config(text)) {
    parse_text_proto(text, path.string(), config);
  } else {
    parse_text_proto(text, path.string(), *config.mutable_model());
  }
  return config;
}

ModelConfig read_model_config(const std::filesystem::path& path) {
  return model_config_of(read_run_or_model_config(path).model(), path.string());
}

}  // namespace bam
