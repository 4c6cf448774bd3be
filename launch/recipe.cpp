#include "launch/recipe.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "io/run_config.h"
#include "io/text_proto.h"
#include "runtime/check.h"

namespace bam {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kMostPhases = 1000;
const std::set<std::string> kFolders = {"data", "configs", "upcycled", "scores", "stamps"};

bool is_file_name(const std::string& name) {
  return !name.empty() && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
         });
}

/// What a graph is checked against as it is read from front to back.
struct Known {
  std::string file;
  std::set<std::string> domains;
  std::map<std::string, proto::Phase::Kind> phases;
};

void check_name(const std::string& name, const std::string& field) {
  check_input(is_file_name(name), field, ": \"", name,
              "\" is not a name of letters, digits, '-', '_' and '.'");
}

void check_domains(const proto::Recipe& recipe, Known& known) {
  check_input(recipe.domains_size() > 0, known.file, ": domains: at least one is needed");
  for (int i = 0; i < recipe.domains_size(); ++i) {
    const auto& domain = recipe.domains(i);
    const std::string field = message_of(known.file, ": domains[", i, "]");
    check_name(domain.name(), field + ".name");
    check_input(known.domains.insert(domain.name()).second, field, ".name: ", domain.name(),
                " is there twice");
    check_input(domain.files_size() > 0, field, ".files: at least one is needed");
  }
}

void check_shares(const proto::RunConfig& config, const std::string& field, const Known& known) {
  for (const auto& domain : config.data().domains()) {
    check_input(known.domains.contains(domain.name()), field, ".data.domains: ", domain.name(),
                " is not a domain of the recipe");
    check_input(domain.path().empty(), field, ".data.domains: the path of ", domain.name(),
                " follows from its name; leave it out");
  }
  check_input(config.init_from().empty(), field, ".init_from follows from `parents`; leave it out");
}

void check_parents(const proto::Phase& phase, const std::string& field, const Known& known) {
  const int parents = phase.parents_size();
  const bool fits = phase.kind() == proto::Phase::SEED      ? parents == 0
                    : phase.kind() == proto::Phase::MIXTURE ? parents >= 2
                                                            : parents == 1;
  check_input(fits, field, ".parents: a ", name_of(phase.kind()), " has no ", parents, " parents");
  for (const auto& parent : phase.parents()) {
    const auto found = known.phases.find(parent);
    check_input(found != known.phases.end(), field, ".parents: ", parent,
                " is not a phase before this one");
    check_input(found->second != proto::Phase::MIXTURE, field, ".parents: ", parent,
                " is a mixture; parents are dense");
  }
}

void check_phase(const proto::Recipe& recipe, int i, Known& known) {
  const auto& phase = recipe.phases(i);
  const std::string field = message_of(known.file, ": phases[", i, "]");
  check_name(phase.name(), field + ".name");
  check_input(!kFolders.contains(phase.name()), field, ".name: ", phase.name(),
              " is a folder of the run itself");
  check_parents(phase, field, known);
  check_shares(phase.config(), field + ".config", known);
  check_input(known.phases.emplace(phase.name(), phase.kind()).second, field, ".name: ",
              phase.name(), " is there twice");
  const bool has_mixture =
      phase.config().model().has_mixture() || recipe.base().model().has_mixture();
  check_input(has_mixture == (phase.kind() == proto::Phase::MIXTURE), field,
              ".config.model.mixture: a mixture has it and no other phase does");
}

/// Lists that `over` gives take the place of the same lists in `under`.
void clear_replaced_lists(const Message& over, Message& under) {
  std::vector<const FieldDescriptor*> given;
  over.GetReflection()->ListFields(over, &given);
  for (const auto* field : given) {
    if (field->is_repeated()) {
      under.GetReflection()->ClearField(&under, field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      clear_replaced_lists(over.GetReflection()->GetMessage(over, field),
                           *under.GetReflection()->MutableMessage(&under, field));
    }
  }
}

void fill_defaults(proto::Recipe& recipe) {
  if (recipe.ranks() == 0) {
    recipe.set_ranks(1);
  }
  if (recipe.evaluation_tokens() == 0) {
    recipe.set_evaluation_tokens(kDefaultEvaluationTokens);
  }
}

void check_recipe(const proto::Recipe& recipe, const std::string& file) {
  Known known{file, {}, {}};
  check_name(recipe.name(), file + ": name");
  check_input(recipe.vocabulary() > 0, file, ": vocabulary: ", recipe.vocabulary(), " is not > 0");
  check_input(recipe.ranks() > 0, file, ": ranks: ", recipe.ranks(), " is not > 0");
  check_input(recipe.evaluation_tokens() > 0, file, ": evaluation_tokens: ",
              recipe.evaluation_tokens(), " is not > 0");
  check_domains(recipe, known);
  check_shares(recipe.base(), file + ": base", known);
  check_input(recipe.phases_size() > 0, file, ": phases: at least one is needed");
  check_input(recipe.phases_size() <= kMostPhases, file, ": phases: ", recipe.phases_size(),
              " are more than ", kMostPhases);
  for (int i = 0; i < recipe.phases_size(); ++i) {
    check_phase(recipe, i, known);
    run_config_of(resolved_config(recipe, recipe.phases(i), RunFolder("")),
                  message_of(file, ": phases[", i, "] (", recipe.phases(i).name(), ")"));
  }
}

}  // namespace

std::string name_of(proto::Phase::Kind kind) {
  switch (kind) {
    case proto::Phase::BRANCH: return "branch";
    case proto::Phase::MIXTURE: return "mixture";
    case proto::Phase::CONTROL: return "control";
    default: return "seed";
  }
}

proto::Recipe read_recipe(const std::filesystem::path& path,
                          std::span<const std::string> overrides) {
  proto::Recipe recipe;
  read_text_proto(path, recipe);
  for (const auto& assignment : overrides) {
    set_field(recipe, assignment);
  }
  fill_defaults(recipe);
  check_recipe(recipe, path.string());
  return recipe;
}
proto::RunConfig resolved_config(const proto::Recipe& recipe, const proto::Phase& phase,
                                 const RunFolder& folder) {
  proto::RunConfig config = recipe.base();
  clear_replaced_lists(phase.config(), config);
  config.MergeFrom(phase.config());
  config.mutable_model()->set_vocabulary(recipe.vocabulary());
  for (auto& domain : *config.mutable_data()->mutable_domains()) {
    domain.set_path(folder.data_of(domain.name()).string());
  }
  if (phase.kind() == proto::Phase::MIXTURE) {
    config.set_init_from(folder.upcycled(phase.name()).string());
  } else if (phase.parents_size() > 0) {
    config.set_init_from(folder.phase(phase.parents(0)).string());
  }
  return config;
}

const proto::Phase& phase_named(const proto::Recipe& recipe, const std::string& name) {
  const auto found = std::find_if(recipe.phases().begin(), recipe.phases().end(),
                                  [&](const proto::Phase& phase) { return phase.name() == name; });
  check_input(found != recipe.phases().end(), recipe.name(), " has no phase ", name);
  return *found;
}

std::int64_t phase_tokens(const proto::RunConfig& config) {
  return config.training().steps() * config.training().sequences_per_step() *
         config.data().sequence_length();
}

std::map<std::string, std::string> titles_of(const proto::Recipe& recipe) {
  std::map<std::string, std::string> titles;
  for (const auto& phase : recipe.phases()) {
    titles[phase.name()] = phase.title().empty() ? phase.name() : phase.title();
  }
  return titles;
}

}  // namespace bam
