#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/io/temporary_folder.h"
#include "tests/launch/program.h"

namespace bam {

/// What `bam` needs to run for a moment: made-up text of two domains, their token data and
/// tokenizer, and run configs of a dense model and of mixtures of it. Made once a test program.
class SmallWorld {
 public:
  static const SmallWorld& get();

  static constexpr std::int64_t kVocabulary = 300;
  static constexpr int kSteps = 8;

  /// JSON Lines of "law" or "code"; a fifth of the documents is for validation.
  std::filesystem::path text(const std::string& domain) const {
    return folder_ / (domain + ".jsonl");
  }
  std::filesystem::path tokens(const std::string& domain) const {
    return data() / (domain + ".h5");
  }
  std::filesystem::path data() const { return folder_ / "data"; }

  /// Run configs: 8 steps of 12 sequences of 32 tokens of both domains.
  std::string dense() const { return config("dense"); }
  std::string expert_kv() const { return config("expert_kv"); }  // 4 attention, 4 FFN experts
  std::string shared_kv() const { return config("shared_kv"); }
  std::string btx() const { return config("btx"); }

 private:
  SmallWorld();
  std::string config(const std::string& name) const { return folder_ / (name + ".textproto"); }
  void write_config(const std::string& name, const std::string& mixture) const;

  TemporaryFolder folder_;
};

/// "--set" before each of them.
Words settings(const Words& assignments);

/// `bam train config --out folder`, and more.
Words train(const std::string& config, const std::filesystem::path& folder, const Words& more = {});

/// Runs it on ranks; a test failure, with what it wrote, unless it ends with `code`.
Outcome expect_code(int code, const ChildCommand& command);

/// A file's JSON.
nlohmann::json json_in(const std::filesystem::path& file);

/// Everything below a folder, with what the files hold: equal before and after where nothing was
/// written. Empty where there is no folder.
std::vector<std::string> listing(const std::filesystem::path& folder);

}  // namespace bam
