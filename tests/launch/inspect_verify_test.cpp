// bam inspect verify: which tiles of which tensors are damaged.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "io/checkpoint_reader.h"
#include "io/text_file.h"
#include "launch/exit_codes.h"
#include "launch/inspect_command.h"
#include "runtime/check.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// How the command ended, with all that it printed.
struct Verdict {
  std::string printed;
  std::string refusal;  // empty: kDone
};

/// A checkpoint of a mixture whose bytes are changed.
class InspectVerify : public testing::Test {
 protected:
  InspectVerify() {
    write_filled(
        folder_.path(),
        {.step = 4, .config = tiny_run_config(kTinyMixture), .tokenizer = "t", .parents = {}});
  }

  /// Flips a bit of the expert's last element, or of a tensor's that has no experts.
  void damage(StateKind kind, const std::string& weight) const {
    const CheckpointReader whole(folder_.path());
    for (const ParameterSpec& spec : whole.specs()) {
      if (spec.name() == weight) {
        flip(static_cast<std::size_t>(whole.offset_of(kind, spec, spec.elements() - 1)));
        return;
      }
    }
    FAIL() << "no " << weight;
  }

  void flip(std::size_t at) const {
    const fs::path file = folder_ / "step-4" / kDataFile;
    std::string bytes = read_file(file);
    bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
    write_file(file, bytes);
  }

  Verdict verdict(std::vector<std::string> words = {}) const {
    words.insert(words.begin(), {"verify", folder_.path().string()});
    Verdict verdict;
    testing::internal::CaptureStdout();
    try {
      EXPECT_EQ(inspect_command(words), kDone);
    } catch (const BadInput& error) {
      verdict.refusal = error.what();
    }
    verdict.printed = testing::internal::GetCapturedStdout();
    return verdict;
  }

  fs::path file(const char* name) const { return folder_ / "step-4" / name; }

 private:
  TemporaryFolder folder_;
};

TEST_F(InspectVerify, AWholeOneIsDone) {
  const Verdict seen = verdict();
  EXPECT_EQ(seen.refusal, "");
  EXPECT_NE(seen.printed.find("step-4: whole, "), std::string::npos) << seen.printed;
  const json answer = json::parse(verdict({"--json"}).printed);
  EXPECT_EQ(answer["whole"], true);
  EXPECT_GT(answer["tiles"], 0);
  EXPECT_TRUE(answer["damaged"].empty());
}

TEST_F(InspectVerify, EveryDamagedTileIsNamed) {
  damage(StateKind::kWeight, "embedding");
  damage(StateKind::kWeight, "layers.1.ffn.up[2]");
  damage(StateKind::kSecondMoment, "layers.0.attention.q[1]");
  const Verdict seen = verdict({"--json"});
  EXPECT_NE(seen.refusal.find("3 of "), std::string::npos) << seen.refusal;
  EXPECT_NE(seen.refusal.find("/weights/embedding: tile 0 is damaged"), std::string::npos);
  const json answer = json::parse(seen.printed);
  EXPECT_EQ(answer["whole"], false);
  ASSERT_EQ(answer["damaged"].size(), 3U);
  EXPECT_EQ(answer["damaged"][0]["data_set"], "/weights/embedding");
  EXPECT_TRUE(answer["damaged"][0]["expert"].is_null());
  const json& up = answer["damaged"][1];
  EXPECT_EQ(up["data_set"], "/weights/layers.1.ffn.up");
  EXPECT_EQ(up["tile"], 2);
  EXPECT_EQ(up["expert"], 2);
  EXPECT_EQ(up["begin"], 2 * 6 * 8);
  EXPECT_EQ(up["end"], 3 * 6 * 8);
  EXPECT_EQ(answer["damaged"][2]["data_set"], "/second_moment/layers.0.attention.q");
  EXPECT_EQ(answer["damaged"][2]["tile"], 1);
  const std::string text = verdict().printed;
  EXPECT_NE(text.find("/weights/layers.1.ffn.up: tile 2, expert 2, elements 96 to 143\n"),
            std::string::npos)
      << text;
}

TEST_F(InspectVerify, ManyDamagedTilesAreCounted) {
  const CheckpointReader whole(file(""));
  std::int64_t spoilt = 0;
  for (const ParameterSpec& spec : whole.specs()) {
    flip(static_cast<std::size_t>(whole.offset_of(StateKind::kWeight, spec, 0)));
    ++spoilt;
  }
  ASSERT_GT(spoilt, 20);
  const Verdict seen = verdict();
  EXPECT_EQ(std::ranges::count(seen.printed, '\n'), 22) << seen.printed;
  EXPECT_NE(seen.printed.find("  and " + std::to_string(spoilt - 20) + " more\n"),
            std::string::npos)
      << seen.printed;
  EXPECT_EQ(json::parse(verdict({"--json"}).printed)["damaged"].size(),
            static_cast<std::size_t>(spoilt));
}

TEST_F(InspectVerify, WhatCannotBeOpenedAnswersToo) {
  std::string bytes = read_file(file(kManifestFile));
  bytes[3] = static_cast<char>(bytes[3] ^ 1);
  write_file(file(kManifestFile), bytes);
  const Verdict seen = verdict({"--json"});
  EXPECT_NE(seen.refusal.find("manifest: damaged"), std::string::npos) << seen.refusal;
  const json answer = json::parse(seen.printed);
  EXPECT_EQ(answer["whole"], false);
  EXPECT_EQ(answer["error"], seen.refusal);
}

}  // namespace
}  // namespace bam
