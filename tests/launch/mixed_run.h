#pragma once

#include <filesystem>
#include <string>

#include "tests/launch/small_world.h"

namespace bam {

/// A whole run by the commands a user types, made once a test program: token data, a seed, a branch
/// a domain, and three mixtures of them trained on two ranks.
class MixedRun {
 public:
  static const MixedRun& get();

  /// seed, law-expert, code-expert; expert_kv, shared_kv, btx.
  std::filesystem::path run(const std::string& name) const { return folder_ / name; }
  /// A mixture as it was before training.
  std::filesystem::path upcycled(const std::string& name) const {
    return folder_ / ("upcycled-" + name);
  }
  std::filesystem::path tokens(const std::string& domain) const {
    return folder_ / "data" / (domain + ".h5");
  }
  /// What `bam data` wrote.
  const Outcome& data() const { return data_; }

 private:
  MixedRun();
  void train_dense(const std::string& name, const Words& assignments) const;
  void mix(const std::string& name, const std::string& config) const;
  /// Where this run's token data are.
  Words paths() const;

  TemporaryFolder folder_;
  Outcome data_;
};

/// `bam eval` of a checkpoint on the token data of both domains; the JSON it writes.
nlohmann::json scores_of(const std::filesystem::path& checkpoint, int ranks);

}  // namespace bam
