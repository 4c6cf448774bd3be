// bam inspect diff, lineage, tree.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <sstream>

#include "io/checkpoint_reader.h"
#include "io/text_file.h"
#include "io/upcycle_checkpoint.h"
#include "io/weights_copy.h"
#include "launch/checkpoint_difference.h"
#include "launch/exit_codes.h"
#include "launch/file_tree.h"
#include "launch/inspect_command.h"
#include "launch/lineage_tree.h"
#include "launch/message_json.h"
#include "tests/io/made_token_data.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

using nlohmann::json;

CheckpointInfo info_of_step(std::int64_t step) {
  return {.step = step,
          .tokens_phase = 160,
          .tokens_cumulative = 260,
          .config = tiny_run_config(),
          .tokenizer = "tokens",
          .parents = {}};
}

const json& entry(const json& list, const char* key, const std::string& value) {
  for (const json& one : list) {
    if (one[key].get<std::string>() == value) {
      return one;
    }
  }
  static const json kNone;
  ADD_FAILURE() << "no " << value;
  return kNone;
}

/// What the command prints, as JSON.
json answer_of(std::vector<std::string> words) {
  words.emplace_back("--json");
  testing::internal::CaptureStdout();
  const int code = inspect_command(words);
  const std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_EQ(code, kDone);
  return json::parse(printed);
}

TEST(InspectDiff, ACheckpointIsItself) {
  const TemporaryFolder folder;
  write_filled(folder / "a", info_of_step(4));
  const json difference = answer_of({"diff", folder / "a", folder / "a"});
  EXPECT_EQ(difference["differing"].get<int>(), 0);
  EXPECT_TRUE(difference["fields"].empty());
  EXPECT_EQ(difference["data_sets"].size(),
            3 * stored_tensors(CheckpointReader(folder / "a").specs()).size());
}

TEST(InspectDiff, NormsAreThoseOfTheDifference) {
  const TemporaryFolder folder;
  write_filled(folder / "a", info_of_step(4), 0);
  CheckpointInfo other = info_of_step(6);
  other.config.mutable_training()->set_steps(12);
  other.config.mutable_data()->mutable_domains(0)->set_name("law");
  write_filled(folder / "b", other, 0.5);
  const json difference = answer_of({"diff", folder / "a", folder / "b"});
  const json& steps = entry(difference["fields"], "field", "config.training.steps");
  EXPECT_EQ(steps["a"].get<std::string>(), "10");
  EXPECT_EQ(steps["b"].get<std::string>(), "12");
  EXPECT_EQ(entry(difference["fields"], "field", "step")["b"].get<int>(), 6);
  EXPECT_EQ(
      entry(difference["fields"], "field", "config.data.domains[0].name")["b"].get<std::string>(),
      "law");
  EXPECT_EQ(difference["fields"].size(), 3U);

  const CheckpointReader a(folder / "a");
  const ParameterSpec& spec = a.specs().front();
  double squares = 0;
  double squares_a = 0;
  double largest = 0;
  for (std::int64_t i = 0; i < spec.elements(); ++i) {
    const auto left = static_cast<double>(stored_value(0, StateKind::kWeight, spec, i));
    const double apart = left - static_cast<double>(stored_value(0.5, StateKind::kWeight, spec, i));
    squares += apart * apart;
    squares_a += left * left;
    largest = std::max(largest, std::abs(apart));
  }
  const json& embedding = entry(difference["data_sets"], "path", "/weights/embedding");
  EXPECT_EQ(embedding["differing"].get<std::int64_t>(), spec.elements());
  EXPECT_DOUBLE_EQ(embedding["norm"].get<double>(), std::sqrt(squares));
  EXPECT_DOUBLE_EQ(embedding["norm_a"].get<double>(), std::sqrt(squares_a));
  EXPECT_DOUBLE_EQ(embedding["largest"].get<double>(), largest);
  std::ostringstream text;
  print_difference(difference, text);
  EXPECT_NE(text.str().find("config.training.steps                     10 against 12"),
            std::string::npos)
      << text.str();
  EXPECT_NE(text.str().find("57 of 57 data sets differ"), std::string::npos) << text.str();
}

TEST(InspectDiff, OneElementOfOneExpertIsSeen) {
  const TemporaryFolder folder;
  CheckpointInfo info = info_of_step(4);
  info.config = tiny_run_config(kTinyMixture);
  const auto specs = parameter_specs(run_config_of(info.config, "tiny").model);
  NoPeers alone;
  FilledTiles filled(specs, 0);
  write_checkpoint(alone, folder / "a", info, specs, filled.tiles(), {});
  for (OwnedTile& owned : filled.tiles()) {
    if (specs[static_cast<std::size_t>(owned.tile.spec)].name() == "layers.1.ffn.up[2]") {
      owned.weight[3] += 0.25F;
    }
  }
  write_checkpoint(alone, folder / "b", info, specs, filled.tiles(), {});
  const json difference = difference_of_checkpoints(folder / "a", folder / "b");
  EXPECT_EQ(difference["differing"].get<int>(), 1);
  const json& up = entry(difference["data_sets"], "path", "/weights/layers.1.ffn.up");
  EXPECT_EQ(up["differing"].get<int>(), 1);
  EXPECT_NEAR(up["norm"].get<double>(), 0.25, 1e-6);
}

TEST(InspectDiff, ShapesAndMissingDataSetsAreSaid) {
  const TemporaryFolder folder;
  write_filled(folder / "dense", info_of_step(4));
  CheckpointInfo mixture = info_of_step(4);
  mixture.config = tiny_run_config(kTinyMixture);
  write_filled(folder / "mixture", mixture);
  const json difference = difference_of_checkpoints(folder / "dense", folder / "mixture");
  const json& up = entry(difference["data_sets"], "path", "/weights/layers.0.ffn.up");
  EXPECT_EQ(up["shape_a"], json({6, 8}));
  EXPECT_EQ(up["shape_b"], json({3, 6, 8}));
  EXPECT_FALSE(up.contains("norm"));
  const json& router = entry(difference["data_sets"], "path", "/weights/layers.0.ffn_router");
  EXPECT_TRUE(router["shape_a"].is_null());
  std::ostringstream text;
  print_difference(difference, text);
  EXPECT_NE(text.str().find("shape absent against 3 x 8"), std::string::npos) << text.str();
}

TEST(InspectDiff, WeightsAloneAgainstARunIsOneLine) {
  const TemporaryFolder folder;
  write_filled(folder / "run", info_of_step(4));
  copy_weights(folder / "run", folder / "copy");
  const json difference = answer_of({"diff", folder / "run", folder / "copy"});
  const std::size_t tensors = stored_tensors(CheckpointReader(folder / "run").specs()).size();
  EXPECT_EQ(difference["data_sets"].size(), 3 * tensors);
  EXPECT_EQ(difference["differing"].get<std::size_t>(), 2 * tensors);
  const auto text_of = [](const json& of) {
    std::ostringstream text;
    print_difference(of, text);
    return text.str();
  };
  const std::string text = text_of(difference);
  EXPECT_NE(text.find("b holds weights only: the 38 moments of a"), std::string::npos) << text;
  EXPECT_EQ(text.find("_moment/"), std::string::npos) << text;
  const std::string turned =
      text_of(difference_of_checkpoints(folder / "copy", folder / "run"));
  EXPECT_NE(turned.find("a holds weights only: the 38 moments of b"), std::string::npos) << turned;
}

TEST(InspectDiff, ADamagedSideIsRefused) {
  const TemporaryFolder folder;
  write_filled(folder / "a", info_of_step(4));
  write_filled(folder / "b", info_of_step(4));
  std::string bytes = read_file(folder / "b" / "step-4" / "data.h5");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  write_file(folder / "b" / "step-4" / "data.h5", bytes);
  EXPECT_THROW(inspect_command(std::vector<std::string>{"diff", folder / "a", folder / "b"}),
               BadInput);
  EXPECT_THROW(inspect_command(std::vector<std::string>{"diff", folder / "a"}), BadInput);
}

TEST(InspectLineage, IsATreeFromMixtureToSeed) {
  const TemporaryFolder folder;
  write_filled(folder / "seed", info_of_step(4));
  CheckpointInfo branch = info_of_step(6);
  branch.parents = {CheckpointReader(folder / "seed").lineage()};
  write_filled(folder / "code", branch);
  upcycle_checkpoint({.config = tiny_run_config("mixture { ffn { experts: 2 } }"),
                      .config_name = "mixture",
                      .parents = {folder / "seed", folder / "code"},
                      .out = folder / "mixture"});
  const json tree = answer_of({"lineage", folder / "mixture"});
  EXPECT_EQ(tree["parents"][1]["parents"][0]["run"].get<std::string>(), "seed");
  std::ostringstream text;
  print_lineage(tree, text);
  EXPECT_EQ(text.str(),
            "  mixture step 0 (upcycle, 0 tokens)\n"
            "  ├── seed step 4 (train, 160 tokens)\n"
            "  └── code step 6 (train, 160 tokens)\n"
            "      └── seed step 4 (train, 160 tokens)\n");
}

TEST(InspectTree, IsWhatHdf5SeesOfACheckpoint) {
  const TemporaryFolder folder;
  CheckpointInfo info = info_of_step(4);
  info.config = tiny_run_config(kTinyMixture);
  write_filled(folder.path(), info);
  const json tree = answer_of({"tree", folder.path()});
  const json& up = entry(tree["objects"], "path", "/second_moment/layers.1.ffn.up");
  EXPECT_EQ(up["shape"], json({3, 6, 8}));
  EXPECT_EQ(up["type"].get<std::string>(), "fp32");
  EXPECT_EQ(up["bytes"].get<int>(), 3 * 6 * 8 * 4);
  const CheckpointReader checkpoint(folder.path());
  EXPECT_EQ(tree["data_sets"].get<std::size_t>(), 3 * stored_tensors(checkpoint.specs()).size());
  std::ostringstream text;
  print_tree(tree, text);
  EXPECT_NE(text.str().find("layers.1.ffn.up"), std::string::npos) << text.str();
}

TEST(InspectTree, ReadsTokenDataToo) {
  const TemporaryFolder folder;
  made_token_data(folder / "code.h5", {{5, 6, 7}}, {{8}});
  const json tree = answer_of({"tree", folder / "code.h5"});
  EXPECT_EQ(entry(tree["objects"], "path", "/train/tokens")["type"].get<std::string>(), "uint16");
}

TEST(InspectTree, AnswersOrRefusesWhateverTheBytes) {
  const TemporaryFolder folder;
  made_token_data(folder / "code.h5", {{5, 6, 7}}, {{8}});
  const std::string whole = read_file(folder / "code.h5");
  std::mt19937 random(11);
  int refused = 0;
  constexpr int kTrials = 300;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::string damaged = whole;
    for (int flips = 0; flips < 4; ++flips) {
      damaged[random() % std::min<std::size_t>(damaged.size(), 4096)] = static_cast<char>(random());
    }
    write_file(folder / "damaged.h5", damaged);
    testing::internal::CaptureStdout();
    try {
      inspect_command(std::vector<std::string>{"tree", folder / "damaged.h5"});
    } catch (const BadInput&) {
      ++refused;
    }
    testing::internal::GetCapturedStdout();
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace bam
