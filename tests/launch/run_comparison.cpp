#include "tests/launch/run_comparison.h"

#include <gtest/gtest.h>

#include "io/checkpoint_reader.h"
#include "io/metrics_reader.h"
#include "io/text_file.h"
#include "io/text_proto.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

/// A line without what depends on the clock, or on where a run was stopped.
nlohmann::json timeless(nlohmann::json line) {
  for (const char* field :
       {"seconds", "tokens_per_second", "share_of_ceiling", "comm_seconds", "exposed_comm_seconds",
        "hidden", "validation", "peak_resident_bytes", "checkpoints", "slow_ranks"}) {
    line.erase(field);
  }
  return line;
}

}  // namespace

void expect_same_checkpoint(const fs::path& a, const fs::path& b) {
  const CheckpointReader first(a);
  const CheckpointReader second(b);
  EXPECT_EQ(first.step(), second.step());
  EXPECT_EQ(first.tokens_phase(), second.tokens_phase());
  EXPECT_EQ(first.tokens_cumulative(), second.tokens_cumulative());
  EXPECT_EQ(first.flops(), second.flops());
  EXPECT_EQ(text_of(first.config_text()), text_of(second.config_text()));
  EXPECT_EQ(first.tokenizer(), second.tokenizer());
  EXPECT_TRUE(read_file(first.path() / kDataFile) == read_file(second.path() / kDataFile))
      << first.path() << " and " << second.path() << " differ";
}

void expect_same_metrics(const fs::path& a, const fs::path& b, int steps) {
  const auto first = read_metrics(a / "metrics.jsonl");
  const auto second = read_metrics(b / "metrics.jsonl");
  ASSERT_EQ(std::ssize(first), steps);
  ASSERT_EQ(std::ssize(second), steps);
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i]["step"], i + 1);
    EXPECT_EQ(timeless(first[i]), timeless(second[i]));
  }
}

std::vector<double> series(const fs::path& run, const std::string& field) {
  std::vector<double> values;
  for (const auto& line : read_metrics(run / "metrics.jsonl")) {
    values.push_back(line.at(field));
  }
  return values;
}

}  // namespace bam
