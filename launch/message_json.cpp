#include "launch/message_json.h"

#include <google/protobuf/util/json_util.h>

#include <string>
#include <utility>

#include "runtime/check.h"

namespace bam {

using nlohmann::json;

namespace {

void add_flat(const json& value, const std::string& path, std::map<std::string, json>& out) {
  if (value.is_object()) {
    for (const auto& [name, inner] : value.items()) {
      add_flat(inner, path.empty() ? name : path + "." + name, out);
    }
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      add_flat(value[i], path + "[" + std::to_string(i) + "]", out);
    }
  } else {
    out[path] = value;
  }
}

}  // namespace

json json_of(const google::protobuf::Message& message, Zeros zeros) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = zeros == Zeros::kWritten;
  std::string text;
  check(google::protobuf::util::MessageToJsonString(message, &text, options).ok(),
        "a config that has no JSON form");
  return json::parse(text);
}

json lineage_json(const Lineage& node) {
  json parents = json::array();
  for (const Lineage& parent : node.parents()) {
    parents.push_back(lineage_json(parent));
  }
  return {{"made_by", node.made_by()},
          {"run", node.run()},
          {"step", node.step()},
          {"tokens_phase", node.tokens_phase()},
          {"manifest_hash", node.manifest_hash()},
          {"parents", std::move(parents)}};
}

std::map<std::string, json> flat(const json& value) {
  std::map<std::string, json> fields;
  add_flat(value, "", fields);
  return fields;
}

}  // namespace bam
