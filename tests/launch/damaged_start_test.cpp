// F18 of the faults to survive: what training would start from is damaged or does not fit. It is
// refused before memory is taken for the model, and nothing is made.
#include <gtest/gtest.h>

#include "io/checkpoint_reader.h"
#include "io/run_config.h"
#include "io/text_file.h"
#include "io/text_proto.h"
#include "io/weights_writer.h"
#include "launch/exit_codes.h"
#include "tests/launch/small_world.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

// 20 M parameters: 80 MB of weights, four times as much to train them.
constexpr const char* kModel =
    "model { vocabulary: 300 d_model: 512 n_layers: 8 n_heads: 8 ffn_hidden: 1024 }\n";
constexpr std::int64_t kWeightBytes = 80'000'000;

class DamagedStart : public testing::Test {
 protected:
  DamagedStart() {
    write_file(config(),
               message_of(kModel, "data { sequence_length: 32 domains { name: 'law' path: '",
                          SmallWorld::get().tokens("law").string(), "' } }\n",
                          "training { steps: 1 sequences_per_step: 2 }\n",
                          "optimizer { learning_rate: 0.001 }\n", "init_from: '", parent().string(),
                          "'\n"));
    write_parent(read_file(SmallWorld::get().data() / "tokenizer.model"));
  }

  void write_parent(const std::string& tokenizer) const {
    proto::RunConfig config;
    parse_text_proto(kModel, "parent", config);
    CheckpointInfo info{.step = 1, .config = {}, .tokenizer = tokenizer, .parents = {}};
    *info.config.mutable_model() = with_defaults(config).model();
    const auto specs = parameter_specs(model_config_of(info.config.model(), "parent"));
    std::vector<float> values;
    write_weights(parent(), info, specs,
                  [&](const ParameterSpec&, const Tile& tile) -> std::span<const float> {
                    values.assign(static_cast<std::size_t>(tile.elements()), 0.01F);
                    return values;
                  });
  }

  void expect_refused(const std::string& what) const {
    const Outcome outcome = outcome_of(alone(train(config(), folder_ / "run")));
    EXPECT_EQ(outcome.code, kBadInput) << outcome.err;
    EXPECT_NE(outcome.err.find(what), std::string::npos) << outcome.err;
    EXPECT_LT(outcome.peak_bytes, 3 * kWeightBytes);
    EXPECT_FALSE(fs::exists(folder_ / "run"));
  }

  fs::path parent() const { return folder_ / "parent"; }
  std::string config() const { return folder_ / "config.textproto"; }

  TemporaryFolder folder_;
};

TEST_F(DamagedStart, WhatIsWholeTakesMemory) {
  const Outcome outcome = expect_code(0, alone(train(config(), folder_ / "run")));
  EXPECT_GT(outcome.peak_bytes, 4 * kWeightBytes);
}

TEST_F(DamagedStart, AFlippedBitOfTheLastTile) {
  const fs::path data = parent() / "step-1" / kDataFile;
  const CheckpointReader whole(parent());
  std::int64_t last = 0;
  for (const proto::DataSet& data_set : whole.data_sets()) {
    last = std::max(last, data_set.offset() + bytes_of(data_set) - 1);
  }
  std::string bytes = read_file(data);
  bytes[static_cast<std::size_t>(last)] ^= 1;
  write_file(data, bytes);
  expect_refused("is damaged (its hash differs)");
  const Outcome on_two = outcome_of(on_ranks(2, train(config(), folder_ / "run")));
  EXPECT_EQ(on_two.code, kBadInput) << on_two.err;  // whichever reads that tile
}

TEST_F(DamagedStart, AnotherModel) {
  std::string text = read_file(config());
  text.replace(text.find("n_layers: 8"), 11, "n_layers: 9");
  write_file(config(), text);
  expect_refused("n_layers: 8 against 9");
}

TEST_F(DamagedStart, AnotherTokenizer) {
  fs::remove_all(parent());
  write_parent("another");
  expect_refused("its tokenizer is not the one of");
}

TEST_F(DamagedStart, DamagedTokenData) {
  const fs::path data = folder_ / "data";
  fs::copy(SmallWorld::get().data(), data);
  std::string bytes = read_file(data / "law.h5");
  bytes[bytes.size() / 2] ^= 1;
  write_file(data / "law.h5", bytes);
  std::string text = read_file(config());
  const std::string path = SmallWorld::get().tokens("law").string();
  text.replace(text.find(path), path.size(), (data / "law.h5").string());
  write_file(config(), text);
  expect_refused("law.h5: ");
}

}  // namespace
}  // namespace bam
