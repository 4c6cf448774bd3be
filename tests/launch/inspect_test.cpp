#include <gtest/gtest.h>

#include <sstream>

#include "io/checkpoint_reader.h"
#include "io/text_file.h"
#include "launch/exit_codes.h"
#include "launch/inspect_command.h"
#include "launch/inspection.h"
#include "launch/upcycle_command.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

CheckpointInfo info_of_step(std::int64_t step) {
  return {.step = step, .tokens_phase = 160, .tokens_cumulative = 260, .config = tiny_run_config(),
          .tokenizer = "tokens", .parents = {}};
}

TEST(Inspect, CountsAConfigOfAnySize) {
  const nlohmann::json seen =
      inspect(BAM_SOURCE_DIR "/launch/recipes/models/2b-bam-expert-kv.textproto", Statistics::kNone);
  EXPECT_EQ(seen["kind"], "config");
  EXPECT_EQ(seen["parameters"]["total"], 6195886848);
  EXPECT_EQ(seen["parameters"]["active"], 2756033280);
  std::int64_t elements = 0;
  for (const auto& tensor : seen["tensors"]) {
    elements += tensor["elements"].get<std::int64_t>();
  }
  EXPECT_EQ(elements, 6195886848);
}

TEST(Inspect, SeesACheckpointsTokensLineageAndValues) {
  const TemporaryFolder folder;
  write_filled(folder / "seed", info_of_step(4));
  CheckpointInfo branch = info_of_step(6);
  branch.parents = {CheckpointReader(folder / "seed").lineage()};
  write_filled(folder / "code", branch);
  const nlohmann::json seen = inspect(folder / "code", Statistics::kPerTensor);
  EXPECT_EQ(seen["kind"], "checkpoint");
  EXPECT_EQ(seen["step"], 6);
  EXPECT_EQ(seen["tokens"]["cumulative"], 260);
  EXPECT_EQ(seen["lineage"]["run"], "code");
  EXPECT_EQ(seen["lineage"]["parents"][0]["run"], "seed");

  const CheckpointReader checkpoint(folder / "code");
  const ParameterSpec& spec = checkpoint.specs().front();
  double sum = 0;
  for (std::int64_t i = 0; i < spec.elements(); ++i) {
    sum += static_cast<double>(stored_value(0, StateKind::kWeight, spec, i));
  }
  EXPECT_NEAR(seen["tensors"][0]["statistics"]["mean"].get<double>(),
              sum / static_cast<double>(spec.elements()), 1e-12);
  std::ostringstream text;
  print_inspection(seen, text);
  EXPECT_NE(text.str().find("layers.*.ffn.up"), std::string::npos) << text.str();
  EXPECT_NE(text.str().find("seed step 4 (train, 160 tokens)"), std::string::npos) << text.str();
}

TEST(Inspect, VerifyRefusesADamagedCheckpoint) {
  const TemporaryFolder folder;
  write_filled(folder.path(), info_of_step(4));
  const std::vector<std::string> words = {"verify", folder.path().string()};
  EXPECT_EQ(inspect_command(words), kDone);
  std::string bytes = read_file(folder / "step-4" / "data.h5");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  write_file(folder / "step-4" / "data.h5", bytes);
  EXPECT_THROW(inspect_command(words), BadInput);
}

TEST(Inspect, RefusesUnknownVerbsAndFiles) {
  EXPECT_THROW(inspect_command(std::vector<std::string>{"sniff", "x"}), BadInput);
  EXPECT_THROW(inspect_command(std::vector<std::string>{"/nowhere"}), BadInput);
  EXPECT_THROW(inspect_command(std::vector<std::string>{}), BadInput);
  EXPECT_THROW(inspect_command(std::vector<std::string>{"tree", "x", "--statistics"}), BadInput);
}

TEST(UpcycleCommand, TakesParentsAfterOneAnother) {
  const TemporaryFolder folder;
  write_filled(folder / "a", info_of_step(4));
  write_filled(folder / "b", info_of_step(5), 1);
  write_file(folder / "mixture", tiny_run_config("mixture { ffn { experts: 2 } }").model().DebugString());
  const std::vector<std::string> words = {
      "--config", folder / "mixture", "--parents", folder / "a", folder / "b",
      "--out", folder / "out", "--set", "model.mixture.ffn.experts=3"};
  EXPECT_EQ(upcycle_command(words), kDone);
  EXPECT_EQ(CheckpointReader(folder / "out").config().model.ffn_experts(), 3);
}

TEST(UpcycleCommand, ReplacesWhatItMadeWhereThatIsAskedFor) {
  const TemporaryFolder folder;
  write_filled(folder / "a", info_of_step(4));
  write_filled(folder / "b", info_of_step(5), 1);
  write_file(folder / "mixture",
             tiny_run_config("mixture { ffn { experts: 2 } }").model().DebugString());
  std::vector<std::string> words = {"--config", folder / "mixture", "--out", folder / "out",
                                    "--parents", folder / "a", folder / "b"};
  EXPECT_EQ(upcycle_command(words), kDone);
  const std::string first = CheckpointReader(folder / "out").lineage().manifest_hash();
  words.insert(words.begin(), {"--seed", "7"});
  try {
    upcycle_command(words);
    ADD_FAILURE() << "it was replaced";
  } catch (const BadInput& error) {
    EXPECT_NE(std::string(error.what()).find("holds a checkpoint already; --replace"),
              std::string::npos)
        << error.what();
  }
  EXPECT_EQ(CheckpointReader(folder / "out").lineage().manifest_hash(), first);
  words.insert(words.begin(), "--replace");
  EXPECT_EQ(upcycle_command(words), kDone);
  EXPECT_NE(CheckpointReader(folder / "out").lineage().manifest_hash(), first);
}

}  // namespace
}  // namespace bam
