#include "io/weights_copy.h"

#include <gtest/gtest.h>

#include "io/checkpoint_reader.h"
#include "io/text_file.h"
#include "io/upcycle_checkpoint.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

CheckpointInfo info_of_step(std::int64_t step, const std::string& mixture = "") {
  return {.step = step,
          .tokens_phase = 100 * step,
          .tokens_cumulative = 100 * step + 1000,
          .config = tiny_run_config(mixture),
          .tokenizer = "tokens",
          .parents = {}};
}

TEST(WeightsCopy, HoldsTheWeightsAloneAndKnowsTheOriginal) {
  const TemporaryFolder folder;
  write_filled(folder / "run", info_of_step(4, kTinyMixture), 0.5);
  copy_weights(folder / "run", folder / "copy");
  const CheckpointReader original(folder / "run");
  const CheckpointReader copy(folder / "copy");
  copy.verify();
  EXPECT_EQ(copy.path(), folder / "copy" / "step-4");
  EXPECT_EQ(copy.config_text().SerializeAsString(), original.config_text().SerializeAsString());
  EXPECT_EQ(copy.tokenizer(), "tokens");
  EXPECT_EQ(copy.tokens_cumulative(), 1400);
  EXPECT_EQ(copy.lineage().made_by(), "export");
  ASSERT_EQ(copy.parents().size(), 1U);
  EXPECT_EQ(copy.parents()[0].manifest_hash(), original.lineage().manifest_hash());
  for (const ParameterSpec& spec : copy.specs()) {
    EXPECT_FALSE(copy.has(StateKind::kFirstMoment, spec));
    std::vector<float> values(static_cast<std::size_t>(spec.elements()));
    copy.read(StateKind::kWeight, spec, 0, spec.elements(), values);
    for (std::int64_t i = 0; i < spec.elements(); ++i) {
      ASSERT_EQ(values[static_cast<std::size_t>(i)],
                stored_value(0.5, StateKind::kWeight, spec, i));
    }
  }
}

TEST(WeightsCopy, IsAParentWhoseTokensCountOnce) {
  const TemporaryFolder folder;
  write_filled(folder / "seed", info_of_step(4));
  write_filled(folder / "code", info_of_step(3), 1);
  copy_weights(folder / "seed", folder / "seed-copy");
  upcycle_checkpoint({.config = tiny_run_config("mixture { ffn { experts: 3 } }"),
                      .config_name = "mixture",
                      .parents = {folder / "seed-copy", folder / "code", folder / "seed"},
                      .out = folder / "mixture"});
  EXPECT_EQ(CheckpointReader(folder / "mixture").tokens_cumulative(), 400 + 300);
}

TEST(WeightsCopy, DamageOrAnOccupiedFolderLeavesNothing) {
  const TemporaryFolder folder;
  write_filled(folder / "run", info_of_step(4));
  write_filled(folder / "other", info_of_step(9));
  EXPECT_THROW(copy_weights(folder / "run", folder / "other"), BadInput);
  EXPECT_EQ(CheckpointReader(folder / "other").step(), 9);
  std::string bytes = read_file(folder / "run" / "step-4" / "data.h5");
  bytes[bytes.size() / 6] = static_cast<char>(bytes[bytes.size() / 6] ^ 1);  // of a weight
  write_file(folder / "run" / "step-4" / "data.h5", bytes);
  EXPECT_THROW(copy_weights(folder / "run", folder / "copy"), BadInput);
  EXPECT_FALSE(fs::exists(folder / "copy"));
}

}  // namespace
}  // namespace bam
