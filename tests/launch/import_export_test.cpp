#include <gtest/gtest.h>

#include "io/checkpoint_reader.h"
#include "launch/commands.h"
#include "launch/exit_codes.h"
#include "launch/export_command.h"
#include "launch/import_command.h"
#include "tests/io/made_tokenizer.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

void write_dense(const std::filesystem::path& folder) {
  CheckpointInfo info{.step = 3,
                      .config = tiny_run_config(),
                      .tokenizer = made_tokenizer_320().model(),
                      .parents = {}};
  info.config.mutable_model()->set_vocabulary(320);
  write_filled(folder, info);
}

TEST(ImportExport, CommandsUndoEachOther) {
  const TemporaryFolder folder;
  write_dense(folder / "run");
  const std::string hf = folder / "hf";
  EXPECT_EQ(export_command(std::vector<std::string>{folder / "run", "--out", hf, "--shard-bytes",
                                                    "3000", "--logit-scale", "0.0625"}),
            kDone);
  EXPECT_EQ(import_command(std::vector<std::string>{hf, "--tokenizer", hf + "/tokenizer.model",
                                                    "--out", folder / "back"}),
            kDone);
  const CheckpointReader before(folder / "run");
  const CheckpointReader after(folder / "back");
  for (const ParameterSpec& spec : before.specs()) {
    std::vector<float> left(static_cast<std::size_t>(spec.elements()));
    std::vector<float> right(left.size());
    before.read(StateKind::kWeight, spec, 0, spec.elements(), left);
    after.read(StateKind::kWeight, spec, 0, spec.elements(), right);
    EXPECT_EQ(left, right) << spec.name();
  }
}

TEST(ImportExport, RefusesArgumentsThatDoNotFit) {
  const TemporaryFolder folder;
  write_dense(folder / "run");
  const std::string run = folder / "run";
  const std::string out = folder / "hf";
  const std::vector<std::vector<std::string>> bad = {{run},
                                                     {run, "--out", out, "--dtype", "fp8"},
                                                     {run, "--out", out, "--shard-bytes", "-1"},
                                                     {run, "--out", out, "--logit-scale", "nan"},
                                                     {run, "--out", out, "--logit-scale", "0"},
                                                     {run, "--out", run},
                                                     {folder / "absent", "--out", out}};
  for (const std::vector<std::string>& words : bad) {
    EXPECT_THROW(export_command(words), BadInput) << testing::PrintToString(words);
    EXPECT_FALSE(std::filesystem::exists(out));
  }
  EXPECT_THROW(import_command(std::vector<std::string>{run, "--out", out}), BadInput);
}

TEST(ImportExport, CommandsAreListed) {
  for (const std::string_view name : {"import", "export"}) {
    EXPECT_TRUE(std::ranges::any_of(commands(), [&](const Command& c) { return c.name == name; }));
  }
}

}  // namespace
}  // namespace bam
