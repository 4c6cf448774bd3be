#pragma once

#include <filesystem>
#include <string>

namespace bam {

/// Where a recipe's pieces lie:
///
///     recipe.textproto  data/DOMAIN.h5  data/tokenizer.model  configs/PHASE.textproto
///     PHASE/step-N/  PHASE/metrics.jsonl  upcycled/PHASE/step-0/  scores/PHASE.json
///     results.json  report.html  stamps/JOB
class RunFolder {
 public:
  explicit RunFolder(std::filesystem::path root) : root_(std::move(root)) {}

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path recipe() const { return root_ / "recipe.textproto"; }
  std::filesystem::path data() const { return root_ / "data"; }
  std::filesystem::path data_of(const std::string& domain) const { return data() / (domain + ".h5"); }
  std::filesystem::path config_of(const std::string& phase) const {
    return root_ / "configs" / (phase + ".textproto");
  }
  std::filesystem::path phase(const std::string& phase) const { return root_ / phase; }
  std::filesystem::path metrics_of(const std::string& name) const {
    return phase(name) / "metrics.jsonl";
  }
  std::filesystem::path upcycled(const std::string& phase) const {
    return root_ / "upcycled" / phase;
  }
  std::filesystem::path scores_of(const std::string& phase) const {
    return root_ / "scores" / (phase + ".json");
  }
  std::filesystem::path results() const { return root_ / "results.json"; }
  std::filesystem::path report() const { return root_ / "report.html"; }
  std::filesystem::path stamps() const { return root_ / "stamps"; }

 private:
  std::filesystem::path root_;
};

}  // namespace bam
