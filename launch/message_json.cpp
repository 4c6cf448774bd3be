#include "launch/message_json.h"

#include <google/protobuf/util/json_util.h>

#include <string>
#include <utility>

#include "runtime/check.h"

namespace bam {

using nlohmann::json;

json json_of(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
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

}  // namespace bam
