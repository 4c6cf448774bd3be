#include "launch/recipe_jobs.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <span>

#include "io/field_check.h"
#include "io/content_hash.h"
#include "io/corpus.h"
#include "io/placement_file.h"
#include "io/text_file.h"
#include "io/text_proto.h"
#include "launch/exit_codes.h"
#include "launch/recipe_results.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

std::string hash_of_parts(const std::vector<std::string>& parts) {
  std::string all;
  for (const auto& part : parts) {
    all += std::to_string(part.size()) + ":" + part;
  }
  return hex_of(hash_of(all));
}

void add_file(ContentHash& hash, const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  check_input(file.good(), path.string(), ": cannot be read");
  std::vector<char> piece(std::size_t{1} << 20);
  while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())) || file.gcount() > 0) {
    hash.update(std::as_bytes(std::span(piece.data(), static_cast<std::size_t>(file.gcount()))));
  }
}

/// Of a file's bytes, or of all files below a folder in the order of their names.
std::string text_hash(const fs::path& path) {
  ContentHash hash;
  for (const auto& file : files_below(path)) {
    add_file(hash, file);
  }
  return hex_of(hash.digest());
}

/// Of a plan's content: of a checkpoint only where it has the experts.
std::string plan_hash(const fs::path& path) {
  return is_folder(path) ? hash_of_parts({text_of(read_placement_message(path).message)})
                         : text_hash(path);
}

/// Makes the jobs one after the other, remembering the hashes that later ones build on.
class JobList {
 public:
  JobList(const proto::Recipe& recipe, const RunFolder& folder, const Launcher& launcher)
      : recipe_(recipe), folder_(folder), launcher_(launcher) {}

  std::vector<Job> make() {
    add_data();
    for (const auto& phase : recipe_.phases()) {
      add_training(phase);
    }
    for (const auto& phase : recipe_.phases()) {
      add_evaluation(phase);
    }
    add_results();
    add_report();
    return std::move(jobs_);
  }

 private:
  /// `commands` run one after the other, until one fails.
  void add(Job job, std::vector<ChildCommand> commands) {
    for (const auto& command : commands) {
      job.commands.push_back(command.text());
    }
    hashes_[job.name] = job.recipe_hash;
    job.run = [commands = std::move(commands)] {
      for (const auto& command : commands) {
        if (const int code = run_child(command); code != kDone) {
          return code;
        }
      }
      return static_cast<int>(kDone);
    };
    jobs_.push_back(std::move(job));
  }

  /// Says where the last job stands among the others.
  void place(std::string stage, std::vector<std::string> after, std::int64_t ranks = 1) {
    Job& job = jobs_.back();
    job.stage = std::move(stage);
    job.after = std::move(after);
    job.ranks = ranks;
  }

  void add_data() {
    std::vector<std::string> words = {"data"};
    std::vector<std::string> parts = {"data", std::to_string(recipe_.vocabulary()),
                                      std::to_string(recipe_.validation_share())};
    std::vector<fs::path> outputs;
    for (const auto& domain : recipe_.domains()) {
      std::string files;
      for (const auto& file : domain.files()) {
        files += (files.empty() ? "" : ",") + file;
        const std::string field = recipe_.name() + ": domains " + domain.name() + ": files";
        parts.push_back(domain.name() + "=" + naming(field, [&] { return text_hash(file); }));
      }
      words.insert(words.end(), {"--domain", domain.name() + "=" + files});
      outputs.push_back(folder_.data_of(domain.name()));
    }
    words.insert(words.end(), {"--vocabulary", std::to_string(recipe_.vocabulary()), "--out",
                               folder_.data().string()});
    if (recipe_.has_validation_share()) {
      words.insert(words.end(), {"--validation-share", std::to_string(recipe_.validation_share())});
    }
    add({"data",
         message_of("tokenizer and token data of ", recipe_.domains_size(), " domains"),
         hash_of_parts(parts),
         std::move(outputs),
         {},
         {}},
        {launcher_.alone(words)});
    place("data", {});
  }

  void add_training(const proto::Phase& phase) {
    const std::string& name = phase.name();
    const auto config = resolved_config(recipe_, phase, folder_);
    if (phase.kind() == proto::Phase::MIXTURE) {
      add_upcycling(phase);
    }
    const std::int64_t ranks = recipe_.ranks();
    add({"train-" + name,
         message_of("train ", name, " (", name_of(phase.kind()), "): ", config.training().steps(),
                    " steps of ",
                    phase_tokens(config) / std::max<std::int64_t>(1, config.training().steps()),
                    " tokens on ", ranks, ranks == 1 ? " rank" : " ranks"),
         hash_of_parts(training_parts(phase, config)),
         {folder_.phase(name)},
         {},
         {}},
        {launcher_.on_ranks(ranks, {"train", folder_.config_of(name).string(), "--out",
                                    folder_.phase(name).string()})});
    write_config_first(name, text_of(config));
    place(name_of(phase.kind()), training_inputs(phase), ranks);
    jobs_.back().resumes = true;
  }

  /// What a training job's outputs follow from; a plan counts by its content.
  std::vector<std::string> training_parts(const proto::Phase& phase,
                                          const proto::RunConfig& config) const {
    std::vector<std::string> parts = {"train", independent_text(phase), hashes_.at("data"),
                                      parent_hashes(phase)};
    if (const std::string& plan = config.parallel().placement(); !plan.empty()) {
      const std::string field = recipe_.name() + ": " + phase.name() + ": parallel.placement";
      parts.push_back(naming(field, [&] { return plan_hash(plan); }));
    }
    return parts;
  }

  void add_upcycling(const proto::Phase& phase) {
    const std::string& name = phase.name();
    std::vector<std::string> words = {"upcycle", "--config", folder_.config_of(name).string(),
                                      "--parents"};
    for (const auto& parent : phase.parents()) {
      words.push_back(folder_.phase(parent).string());
    }
    words.insert(words.end(), {"--out", folder_.upcycled(name).string(), "--replace"});
    add({"upcycle-" + name,
         message_of("upcycle ", name, " from ", phase.parents_size(), " models"),
         hash_of_parts({"upcycle", independent_text(phase), parent_hashes(phase)}),
         {folder_.upcycled(name)},
         {},
         {}},
        {launcher_.alone(words)});
    write_config_first(name, text_of(resolved_config(recipe_, phase, folder_)));
    place("upcycling", training_jobs(phase.parents()));
  }

  void add_evaluation(const proto::Phase& phase) {
    const std::string& name = phase.name();
    const std::string tokens = std::to_string(recipe_.evaluation_tokens());
    std::vector<std::string> words = {"eval", folder_.phase(name).string()};
    for (const auto& domain : recipe_.domains()) {
      words.insert(words.end(),
                   {"--data", domain.name() + "=" + folder_.data_of(domain.name()).string()});
    }
    words.insert(words.end(), {"--tokens", tokens, "--json", folder_.scores_of(name).string()});
    add({"evaluate-" + name,
         message_of("evaluate ", name, " on every domain"),
         hash_of_parts({"evaluate", tokens, hashes_.at("train-" + name)}),
         {folder_.scores_of(name)},
         {},
         {}},
        {launcher_.on_ranks(recipe_.ranks(), words)});
    place("evaluation", {"data", "train-" + name}, recipe_.ranks());
  }

  void add_results() {
    std::vector<std::string> parts = {"results"};
    std::vector<std::string> evaluations;
    for (const auto& phase : recipe_.phases()) {
      evaluations.push_back("evaluate-" + phase.name());
      parts.push_back(hashes_.at(evaluations.back()));
    }
    Job job{"results", "results.json", hash_of_parts(parts), {folder_.results()}, {}, {}};
    hashes_[job.name] = job.recipe_hash;
    job.run = [recipe = recipe_, folder = folder_] {
      write_results(folder.results(), results_of(recipe, folder));
      return static_cast<int>(kDone);
    };
    jobs_.push_back(std::move(job));
    place("results", std::move(evaluations));
  }

  void add_report() {
    add({"report",
         "report.html",
         hash_of_parts({hashes_.at("results"), text_of(recipe_)}),
         {folder_.report()},
         {},
         {}},
        {launcher_.alone({"report", folder_.root().string()})});
    place("report", {"results"});
  }

  /// Has the last job write its config before it runs.
  void write_config_first(const std::string& phase, std::string config) {
    Job& job = jobs_.back();
    job.run = [run = std::move(job.run), path = folder_.config_of(phase),
               text = std::move(config)] {
      fs::create_directories(path.parent_path());
      write_file(path, text);
      return run();
    };
  }

  static std::vector<std::string> training_jobs(
      const google::protobuf::RepeatedPtrField<std::string>& phases) {
    std::vector<std::string> names;
    for (const auto& phase : phases) {
      names.push_back("train-" + phase);
    }
    return names;
  }

  static std::vector<std::string> training_inputs(const proto::Phase& phase) {
    auto inputs = phase.kind() == proto::Phase::MIXTURE
                      ? std::vector<std::string>{"upcycle-" + phase.name()}
                      : training_jobs(phase.parents());
    inputs.insert(inputs.begin(), "data");
    return inputs;
  }

  /// The phase's config as it is wherever the run folder lies.
  std::string independent_text(const proto::Phase& phase) const {
    return text_of(resolved_config(recipe_, phase, RunFolder("")));
  }

  std::string parent_hashes(const proto::Phase& phase) const {
    std::string all;
    for (const auto& parent : phase.parents()) {
      all += hashes_.at("train-" + parent);
    }
    return all;
  }

  const proto::Recipe& recipe_;
  const RunFolder& folder_;
  const Launcher& launcher_;
  std::map<std::string, std::string> hashes_;
  std::vector<Job> jobs_;
};

}  // namespace

std::vector<Job> jobs_of(const proto::Recipe& recipe, const RunFolder& folder,
                         const Launcher& launcher) {
  return JobList(recipe, folder, launcher).make();
}

}  // namespace bam
