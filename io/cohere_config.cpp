#include "io/cohere_config.h"

#include <map>

#include "io/field_check.h"
#include "io/strict_json.h"
#include "io/text_file.h"

namespace bam {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uintmax_t kMostBytes = std::uintmax_t{1} << 20;
constexpr double kDefaultLogitScale = 0.0625;

/// The fields of a config.json by the kinds of their values; null counts as left out.
class Fields {
 public:
  Fields(const json& object, const std::string& source)
      : object_(object), source_(source), check_(source) {}

  const json* find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  std::int64_t whole(const char* name) const {
    const json* value = find(name);
    check_.that(value != nullptr, name, "is missing");
    check_.that(value->is_number_integer(), name, text(*value),
                " where a whole number was expected");
    const bool fits = !value->is_number_unsigned() || *value <= std::uint64_t{INT64_MAX};
    check_.that(fits, name, text(*value), " is too large");
    return check_.whole(value->get<std::int64_t>(), name, 1);
  }
  std::int64_t whole(const char* name, std::int64_t otherwise) const {
    return find(name) == nullptr ? otherwise : whole(name);
  }
  double positive(const char* name, double otherwise) const {
    const json* value = find(name);
    if (value == nullptr) {
      return otherwise;
    }
    check_.that(value->is_number(), name, text(*value), " where a number was expected");
    return check_.positive(value->get<double>(), name);
  }
  bool flag(const char* name, bool otherwise) const {
    const json* value = find(name);
    check_.that(value == nullptr || value->is_boolean(), name, value == nullptr ? "" : text(*value),
                " where true or false was expected");
    return value == nullptr ? otherwise : value->get<bool>();
  }
  /// BadInput unless the field is left out or `wanted`.
  void expect(const char* name, const json& wanted, const char* why) const {
    const json* value = find(name);
    check_.that(value == nullptr || *value == wanted, name, value == nullptr ? "" : text(*value),
                " where ", wanted.dump(), " was expected: ", why);
  }
  void expect_absent(const char* name, const char* why) const {
    const json* value = find(name);
    check_.that(value == nullptr, name, value == nullptr ? "" : text(*value), ": ", why);
  }
  const FieldCheck& check() const { return check_; }
  const std::string& source() const { return source_; }

 private:
  static std::string text(const json& value) {
    const std::string dumped = value.dump();
    return dumped.size() <= 80 ? dumped : dumped.substr(0, 80) + "...";
  }

  const json& object_;
  const std::string& source_;
  FieldCheck check_;
};

void check_family(const Fields& fields) {
  fields.check().that(fields.find("model_type") != nullptr, "model_type",
                      "is missing where \"cohere\" was expected");
  fields.expect("model_type", "cohere", "only models of the Cohere family are read");
  fields.expect("architectures", json::array({"CohereForCausalLM"}),
                "only models of the Cohere family are read");
}

void check_arithmetic(const Fields& fields, const proto::ModelConfig& model) {
  fields.expect("attention_bias", false, "attention here has no biases");
  fields.expect("use_qk_norm", false, "queries and keys here are not normalised");
  fields.expect("hidden_act", "silu", "the FFN here is SwiGLU");
  fields.expect("head_dim", model.d_model() / model.n_heads(),
                "heads here are hidden_size / num_attention_heads wide");
  fields.expect_absent("quantization_config", "quantised weights are not read");
  fields.expect_absent("sliding_window", "attention here has no window");
}

/// Plain rotary positions, in the old spelling or the new; returns their base.
double rope_theta_of(const Fields& fields) {
  constexpr const char* kWhy = "rotary positions here are not scaled";
  for (const char* name : {"rope_scaling", "rope_parameters"}) {
    if (const json* rope = fields.find(name)) {
      const std::string source = fields.source() + ": " + name;
      check_input(rope->is_object(), source, ": ", rope->dump().substr(0, 80),
                  " where an object was expected");
      const Fields inner(*rope, source);
      inner.expect("rope_type", "default", kWhy);
      inner.expect("type", "default", kWhy);
      inner.expect_absent("factor", kWhy);
      inner.expect("partial_rotary_factor", 1.0, "all of a head is rotated here");
      if (inner.find("rope_theta") != nullptr) {
        return inner.positive("rope_theta", 0);
      }
    }
  }
  return fields.positive("rope_theta", ModelConfig{}.rope_theta);
}

proto::ModelConfig model_of(const Fields& fields) {
  proto::ModelConfig model;
  model.set_vocabulary(fields.whole("vocab_size"));
  model.set_d_model(fields.whole("hidden_size"));
  model.set_n_layers(fields.whole("num_hidden_layers"));
  model.set_n_heads(fields.whole("num_attention_heads"));
  model.set_n_kv_heads(fields.whole("num_key_value_heads", model.n_heads()));
  model.set_ffn_hidden(fields.whole("intermediate_size"));
  model.set_tied_embeddings(fields.flag("tie_word_embeddings", true));
  model.set_rope_theta(rope_theta_of(fields));
  model.set_norm_epsilon(fields.positive("layer_norm_eps", ModelConfig{}.norm_epsilon));
  model.set_init_std(fields.positive("initializer_range", ModelConfig{}.init_std));
  return model;
}

}  // namespace

CohereConfig read_cohere_config(const fs::path& path) {
  check_input(fs::is_regular_file(path), path.string(), ": there is no such file");
  check_input(fs::file_size(path) <= kMostBytes, path.string(), ": larger than ", kMostBytes,
              " bytes");
  const std::string source = path.string();
  const json object = parse_strict_json(read_file(path), source);
  const Fields fields(object, source);
  check_family(fields);
  CohereConfig config{model_of(fields), fields.positive("logit_scale", kDefaultLogitScale)};
  model_config_of(config.model, source);
  check_arithmetic(fields, config.model);
  proto::RunConfig whole;
  *whole.mutable_model() = config.model;
  config.model = with_defaults(whole).model();
  return config;
}

std::string cohere_config_text(const ModelConfig& model, const CohereExtras& extras) {
  const nlohmann::ordered_json config = {
      {"architectures", {"CohereForCausalLM"}},
      {"model_type", "cohere"},
      {"vocab_size", model.vocabulary},
      {"hidden_size", model.d_model},
      {"intermediate_size", model.ffn_hidden},
      {"num_hidden_layers", model.n_layers},
      {"num_attention_heads", model.n_heads},
      {"num_key_value_heads", model.n_kv_heads},
      {"hidden_act", "silu"},
      {"logit_scale", extras.logit_scale},
      {"tie_word_embeddings", model.tied_embeddings},
      {"rope_theta", model.rope_theta},
      {"layer_norm_eps", model.norm_epsilon},
      {"initializer_range", model.init_std},
      {"attention_bias", false},
      {"attention_dropout", 0.0},
      {"use_qk_norm", false},
      {"max_position_embeddings", extras.max_positions},
      {"bos_token_id", extras.bos},
      {"eos_token_id", extras.eos},
      {"pad_token_id", nullptr},
      {"torch_dtype", extras.type == SafetensorsType::kFloat32 ? "float32" : "bfloat16"}};
  return config.dump(2) + "\n";
}

std::string cohere_name_of(const ParameterSpec& spec) {
  static const std::map<std::string, std::string> kNames = {
      {"embedding", "model.embed_tokens.weight"}, {"output", "lm_head.weight"},
      {"final_norm", "model.norm.weight"},        {"norm", "input_layernorm.weight"},
      {"attention.q", "self_attn.q_proj.weight"}, {"attention.k", "self_attn.k_proj.weight"},
      {"attention.v", "self_attn.v_proj.weight"}, {"attention.o", "self_attn.o_proj.weight"},
      {"ffn.gate", "mlp.gate_proj.weight"},       {"ffn.up", "mlp.up_proj.weight"},
      {"ffn.down", "mlp.down_proj.weight"}};
  if (spec.layer == ParameterSpec::kNone) {
    return kNames.at(spec.tensor);
  }
  const std::string layer = message_of("layers.", spec.layer, ".");
  return "model." + layer + kNames.at(spec.tensor.substr(layer.size()));
}

}  // namespace bam
