#include "launch/same_run.h"

#include <algorithm>
#include <array>
#include <set>

#include "io/run_config.h"
#include "launch/message_json.h"
#include "runtime/check.h"

namespace bam {
namespace {

using nlohmann::json;

constexpr std::array kFree = {"training.steps",
                              "training.validate_every",
                              "training.log_every",
                              "training.validation_tokens",
                              "training.micro_steps",
                              "training.recompute",
                              "training.routing_trace_every",
                              "init_from"};
constexpr std::array kFreeGroups = {"parallel.", "checkpoint.", "guard."};

using Fields = std::map<std::string, json>;

Fields fields_of(const proto::RunConfig& config) {
  return flat(json_of(with_defaults(config), Zeros::kWritten));
}

std::string text_of(const Fields& fields, const std::string& name) {
  const auto found = fields.find(name);
  if (found == fields.end()) {
    return "absent";
  }
  const json& value = found->second;  // whole numbers of 64 bits are strings in JSON
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::set<std::string> names_in(const Fields& left, const Fields& right) {
  std::set<std::string> names;
  for (const Fields* side : {&left, &right}) {
    for (const auto& [name, value] : *side) {
      names.insert(name);
    }
  }
  return names;
}

}  // namespace

bool may_change(const std::string& field) {
  const auto begins = [&](const char* group) { return field.starts_with(group); };
  const bool is_path = field.starts_with("data.domains[") && field.ends_with("].path");
  return is_path || std::ranges::find(kFree, field) != kFree.end() ||
         std::ranges::any_of(kFreeGroups, begins);
}

void check_same_run(const proto::RunConfig& checkpoint, const proto::RunConfig& wanted,
                    const std::filesystem::path& path) {
  if (!checkpoint.has_training()) {  // it was not made by training
    return;
  }
  const Fields left = fields_of(checkpoint);
  const Fields right = fields_of(wanted);
  std::string difference;
  for (const std::string& name : names_in(left, right)) {
    const std::string before = text_of(left, name);
    const std::string now = text_of(right, name);
    if (before != now && !may_change(name)) {
      difference +=
          message_of(difference.empty() ? "" : ", ", name, ": ", before, " against ", now);
    }
  }
  check_input(difference.empty(), path.string(), ": was trained with another config: ", difference,
              "; in a folder of its own, init_from starts from its weights");
}

}  // namespace bam
