// The 2B model's embedding, 256000 x 2304 fp32, is larger than 2^31 bytes: it is written, read and
// upcycled in a few MiB. Takes 8 GB of disk.
#include <gtest/gtest.h>

#include <fstream>

#include "io/checkpoint_draft.h"
#include "io/checkpoint_reader.h"
#include "io/upcycle_checkpoint.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

/// Exact in fp32, as are averages of two.
float value_at(std::int64_t element, float salt) {
  return static_cast<float>(element % 8191) + salt;
}

proto::RunConfig large_config(const std::string& mixture) {
  proto::RunConfig config;
  parse_text_proto("model { vocabulary: 256000 d_model: 2304 n_layers: 1 n_heads: 18 n_kv_heads: 6 "
                   "ffn_hidden: 16 tied_embeddings: true " + mixture + " }",
                   "large", config);
  return config;
}

void write_parent(const std::filesystem::path& folder, float salt) {
  const CheckpointInfo info{.step = 1, .tokens_phase = 1, .tokens_cumulative = 1,
                            .config = large_config(""), .tokenizer = "tokens", .parents = {}};
  const auto specs = parameter_specs(model_config_of(info.config.model(), "large"));
  const proto::Manifest layout =
      begin_draft(folder, info.step, specs,
                  [](StateKind kind, const ParameterSpec&) { return kind == StateKind::kWeight; });
  TileWriter writer(draft_folder(folder, info.step) / kDataFile, layout);
  std::vector<float> values;
  for (const Tile& tile : tiles_of(specs)) {
    values.clear();
    for (std::int64_t i = tile.begin; i < tile.end; ++i) {
      values.push_back(value_at(i, salt));
    }
    writer.write(StateKind::kWeight, specs[static_cast<std::size_t>(tile.spec)], tile.begin, values);
  }
  commit_draft(folder, layout, info, {writer.finish()}, {});
}

/// Most bytes that this process ever had resident, mapped pages included.
std::int64_t peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) {
      return std::stoll(line.substr(6)) * 1024;
    }
  }
  return -1;
}

void expect_values(const CheckpointReader& reader, float salt) {
  const ParameterSpec& embedding = reader.specs().front();
  ASSERT_GT(embedding.elements() * 4, std::int64_t{1} << 31);
  std::vector<float> values(static_cast<std::size_t>(kTileElements));
  for (std::int64_t begin = 0; begin < embedding.elements(); begin += kTileElements) {
    const std::int64_t end = std::min(begin + kTileElements, embedding.elements());
    const auto part = std::span(values).first(static_cast<std::size_t>(end - begin));
    reader.read(StateKind::kWeight, embedding, begin, end, part);
    for (std::int64_t i = begin; i < end; ++i) {
      ASSERT_EQ(part[static_cast<std::size_t>(i - begin)], value_at(i, salt)) << i;
    }
  }
}

TEST(LargeTensor, IsWrittenReadAndUpcycledInLittleMemory) {
  const TemporaryFolder folder;
  write_parent(folder / "seed", 0.0F);
  write_parent(folder / "branch", 1.0F);
  expect_values(CheckpointReader(folder / "branch"), 1.0F);
  upcycle_checkpoint({.config = large_config("mixture { attention { experts: 2 } ffn { experts: 2 } }"),
                      .config_name = "large", .parents = {folder / "seed", folder / "branch"},
                      .out = folder / "mixture"});
  const CheckpointReader mixture(folder / "mixture");
  expect_values(mixture, 0.5F);
  mixture.verify();
  const std::int64_t peak = peak_resident_bytes();
  RecordProperty("peak_resident_bytes", std::to_string(peak));
  EXPECT_GT(peak, 0);
  EXPECT_LE(peak, std::int64_t{512} << 20);
}

}  // namespace
}  // namespace bam
