#include <gtest/gtest.h>

#include <fstream>

#include "io/checkpoint_reader.h"
#include "io/checkpoint_writer.h"
#include "io/text_file.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

CheckpointInfo tiny_info(std::int64_t step, const std::string& mixture = "") {
  return {.step = step, .tokens_phase = 16 * step, .tokens_cumulative = 16 * step + 100,
          .config = tiny_run_config(mixture), .tokenizer = std::string("tok\0en", 6), .parents = {},
          .seconds = 1.5, .flops = 3e9};
}

std::vector<float> read_all(const CheckpointReader& reader, StateKind kind,
                            const ParameterSpec& spec) {
  std::vector<float> out(static_cast<std::size_t>(spec.elements()));
  reader.read(kind, spec, 0, spec.elements(), out);
  return out;
}

std::string refusal_of(const fs::path& path) {
  try {
    const CheckpointReader reader(path);
    reader.verify();
  } catch (const BadInput& error) {
    return error.what();
  }
  return "";
}

void flip(std::string& bytes, std::size_t at, int bit) {
  bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
}

TEST(Checkpoint, ComesBackBitForBit_StackedExpertsToo) {
  const TemporaryFolder folder;
  write_filled(folder.path(), tiny_info(3, kTinyMixture), 0.25);
  const CheckpointReader reader(folder.path());
  EXPECT_EQ(reader.path(), folder.path() / "step-3");
  EXPECT_EQ(reader.config().model.mixture->ffn.experts, 3);
  for (const ParameterSpec& spec : reader.specs()) {
    for (const StateKind kind : kStateKinds) {
      const std::vector<float> values = read_all(reader, kind, spec);
      for (std::int64_t i = 0; i < spec.elements(); ++i) {
        ASSERT_EQ(values[static_cast<std::size_t>(i)], stored_value(0.25, kind, spec, i))
            << spec.name() << " " << i;
      }
    }
  }
}

TEST(Checkpoint, KeepsWhatItSaysOfItself) {
  const TemporaryFolder folder;
  write_filled(folder / "seed", tiny_info(3));
  const CheckpointReader seed(folder / "seed");
  CheckpointInfo info = tiny_info(5);
  info.parents = {seed.lineage()};
  write_filled(folder / "branch", info);
  const CheckpointReader branch(folder / "branch" / "step-5");
  EXPECT_EQ(branch.step(), 5);
  EXPECT_EQ(branch.tokens_phase(), 80);
  EXPECT_EQ(branch.tokens_cumulative(), 180);
  EXPECT_EQ(branch.tokenizer(), std::string("tok\0en", 6));
  EXPECT_EQ(branch.seconds(), 1.5);
  EXPECT_EQ(branch.config_text().SerializeAsString(), info.config.SerializeAsString());
  const Lineage lineage = branch.lineage();
  EXPECT_EQ(lineage.made_by(), "train");
  EXPECT_EQ(lineage.run(), "branch");
  ASSERT_EQ(lineage.parents_size(), 1);
  EXPECT_EQ(lineage.parents(0).run(), "seed");
  EXPECT_EQ(lineage.parents(0).manifest_hash().size(), 32U);
}

TEST(Checkpoint, ReadsPartsOfAWeight) {
  const TemporaryFolder folder;
  proto::RunConfig config = tiny_run_config();
  config.mutable_model()->set_vocabulary(40000);  // the embedding has more than one tile
  CheckpointInfo info = tiny_info(1);
  info.config = config;
  write_filled(folder.path(), info);
  const CheckpointReader reader(folder.path());
  const ParameterSpec& embedding = reader.specs().front();
  ASSERT_GT(embedding.elements(), kTileElements);
  std::vector<float> values(1000);
  const std::int64_t begin = kTileElements - 500;
  reader.read(StateKind::kWeight, embedding, begin, begin + 1000, values);
  for (std::int64_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(values[static_cast<std::size_t>(i)],
              stored_value(0, StateKind::kWeight, embedding, begin + i));
  }
}

TEST(Checkpoint, RefusesEveryFlippedByteOfTheManifest) {
  const TemporaryFolder folder;
  write_filled(folder.path(), tiny_info(3));
  const fs::path manifest = folder / "step-3" / "manifest";
  const std::string whole = read_file(manifest);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    flip(damaged, at, static_cast<int>(at % 8));
    std::ofstream(manifest, std::ios::binary) << damaged;
    EXPECT_THROW(CheckpointReader{folder / "step-3"}, BadInput) << "byte " << at;
  }
}

TEST(Checkpoint, NamesTensorAndTileOfADamagedByte) {
  const TemporaryFolder folder;
  write_filled(folder.path(), tiny_info(3, kTinyMixture));
  const fs::path data = folder / "step-3" / "data.h5";
  const std::string whole = read_file(data);
  const float wanted = stored_value(0, StateKind::kWeight, parameter_specs(run_config_of(
      tiny_run_config(kTinyMixture), "tiny").model).front(), 5);
  const std::size_t at = whole.find(std::string(reinterpret_cast<const char*>(&wanted), 4));
  ASSERT_NE(at, std::string::npos);
  std::string damaged = whole;
  flip(damaged, at, 0);
  write_file(data, damaged);
  const std::string refusal = refusal_of(folder.path());
  EXPECT_NE(refusal.find("/weights/embedding: tile 0"), std::string::npos) << refusal;
}

TEST(Checkpoint, RefusesFlippedBytesAnywhereInTheData) {
  const TemporaryFolder folder;
  write_filled(folder.path(), tiny_info(3));
  const fs::path data = folder / "step-3" / "data.h5";
  const std::string whole = read_file(data);
  for (std::size_t at = 0; at < whole.size(); at += 97) {
    std::string damaged = whole;
    flip(damaged, at, static_cast<int>(at % 8));
    std::ofstream(data, std::ios::binary) << damaged;
    EXPECT_NE(refusal_of(folder.path()), "") << "byte " << at;
  }
}

TEST(Checkpoint, RefusesTruncatedAndExtendedFiles) {
  const TemporaryFolder folder;
  write_filled(folder.path(), tiny_info(3));
  for (const char* name : {"data.h5", "manifest"}) {
    const fs::path path = folder / "step-3" / name;
    const std::string whole = read_file(path);
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, whole.size() / 2,
                                   whole.size() - 1}) {
      write_file(path, whole.substr(0, size));
      EXPECT_NE(refusal_of(folder.path()), "") << name << " of " << size << " bytes";
    }
    write_file(path, whole + "x");
    EXPECT_NE(refusal_of(folder.path()), "") << name;
    write_file(path, whole);
  }
  EXPECT_EQ(refusal_of(folder.path()), "");
}

TEST(Checkpoint, RefusesTheDataOfAnotherStep) {
  const TemporaryFolder folder;
  write_filled(folder.path(), tiny_info(3), 0);
  write_filled(folder.path(), tiny_info(4), 1);
  fs::copy_file(folder / "step-3" / "data.h5", folder / "step-4" / "data.h5",
                fs::copy_options::overwrite_existing);
  EXPECT_NE(refusal_of(folder.path()).find("/weights/embedding"), std::string::npos);
}

TEST(Checkpoint, RefusesWhatIsNone) {
  const TemporaryFolder folder;
  EXPECT_THROW(CheckpointReader{folder.path()}, BadInput);
  EXPECT_THROW(CheckpointReader{folder / "missing"}, BadInput);
  write_file(folder / "latest", "../elsewhere\n");
  EXPECT_THROW(CheckpointReader{folder.path()}, BadInput);
  EXPECT_TRUE(has_checkpoint(folder.path()));
}

TEST(Checkpoint, KeepsTheLastAndTheMultiples) {
  const TemporaryFolder folder;
  for (std::int64_t step = 1; step <= 7; ++step) {
    write_filled(folder.path(), tiny_info(step), 0, {.keep_last = 2, .keep_every = 3});
  }
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    left.push_back(entry.path().filename());
  }
  std::ranges::sort(left);
  EXPECT_EQ(left, (std::vector<std::string>{"latest", "step-3", "step-6", "step-7"}));
}

TEST(Checkpoint, MissingTileLeavesTheOldCheckpoint) {
  const TemporaryFolder folder;
  write_filled(folder.path(), tiny_info(3));
  const CheckpointInfo info = tiny_info(4);
  const auto specs = parameter_specs(run_config_of(info.config, "tiny").model);
  FilledTiles filled(specs, 0);
  filled.tiles().pop_back();
  NoPeers alone;
  EXPECT_THROW(write_checkpoint(alone, folder.path(), info, specs, filled.tiles(), {}), Error);
  EXPECT_EQ(CheckpointReader(folder.path()).step(), 3);
  EXPECT_FALSE(fs::exists(draft_folder(folder.path(), 4)));
}

TEST(Checkpoint, WritingAStepAgainReplacesIt) {
  const TemporaryFolder folder;
  write_filled(folder.path(), tiny_info(3), 0);
  write_filled(folder.path(), tiny_info(3), 1);
  const CheckpointReader reader(folder.path());
  const ParameterSpec& spec = reader.specs().front();
  EXPECT_EQ(read_all(reader, StateKind::kWeight, spec)[0],
            stored_value(1, StateKind::kWeight, spec, 0));
}

TEST(Checkpoint, OtherModelIsRefusedWithTheDifference) {
  ModelConfig left = run_config_of(tiny_run_config(), "tiny").model;
  ModelConfig right = left;
  right.d_model = 16;
  right.tied_embeddings = true;
  try {
    check_same_model(left, right, "step-3");
    FAIL();
  } catch (const BadInput& error) {
    EXPECT_STREQ(error.what(),
                 "step-3: its model differs in d_model: 8 against 16, tied_embeddings: 0 against 1");
  }
}

}  // namespace
}  // namespace bam
