// What `bam import` and `bam export --format hdf5` make is a checkpoint like others: the program
// trains from it, evaluates it and generates with it.
#include <gtest/gtest.h>

#include "io/checkpoint_reader.h"
#include "io/text_file.h"
#include "io/token_data_writer.h"
#include "launch/exit_codes.h"
#include "tests/io/made_tokenizer.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"
#include "tests/launch/shell.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

class ImportedModel : public testing::Test {
 protected:
  /// Token data, and a run config of a model of 320 pieces that starts from `init_from`.
  void SetUp() override {
    const Tokenizer& tokenizer = made_tokenizer_320();
    fs::create_directories(folder_ / "data");
    write_file(folder_ / "data" / "tokenizer.model", tokenizer.model());
    TokenDataWriter writer(data(),
                           {"code", 320, tokenizer.bos(), tokenizer.eos(), tokenizer.hash()});
    for (int document = 0; document < 8; ++document) {
      const std::vector<std::int32_t> ids = tokenizer.encode("the quick brown fox, return x\n");
      writer.append(document < 6 ? Split::kTrain : Split::kValidation, ids, 30);
    }
    writer.finish();
    config_ = tiny_run_config();
    config_.mutable_model()->set_vocabulary(320);
    config_.mutable_data()->mutable_domains(0)->set_path(data().string());
    config_.mutable_training()->set_steps(2);
  }
  fs::path data() const { return folder_ / "data" / "code.h5"; }

  Ended bam(const std::string& arguments) const {
    return run_in_shell(std::string("OMP_NUM_THREADS=1 ") + BAM_PROGRAM + " " + arguments);
  }
  Ended train(const std::string& init_from, const std::string& out) {
    config_.set_init_from(init_from);
    write_file(folder_ / "config", text_of(config_));
    return bam("train " + (folder_ / "config").string() + " --out " + (folder_ / out).string());
  }
  Ended eval(const std::string& checkpoint, const std::string& options = "") const {
    return bam("eval " + (folder_ / checkpoint).string() + " --data code=" + data().string() + " " +
               options);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  TemporaryFolder folder_;
  proto::RunConfig config_;
};

TEST_F(ImportedModel, IsASeedThatIsTrainedAndEvaluated) {
  ASSERT_EQ(train("", "run").code, kDone);
  ASSERT_EQ(bam("export " + path("run") + " --out " + path("hf")).code, kDone);
  const Ended imported = bam("import " + path("hf") + " --tokenizer " + path("hf/tokenizer.model") +
                             " --out " + path("seed"));
  ASSERT_EQ(imported.code, kDone) << imported.text;

  const Ended silent = eval("seed");
  EXPECT_EQ(silent.code, kBadInput);
  EXPECT_NE(silent.text.find("--sequence-length: missing"), std::string::npos) << silent.text;
  const Ended scored = eval("seed", "--sequence-length 4");
  EXPECT_EQ(scored.code, kDone) << scored.text;
  EXPECT_EQ(scored.text, eval("run").text);  // the same weights, the same score

  const Ended branched = train(path("seed"), "branch");
  ASSERT_EQ(branched.code, kDone) << branched.text;
  const CheckpointReader branch(folder_ / "branch");
  ASSERT_EQ(branch.parents().size(), 1U);
  EXPECT_EQ(branch.parents()[0].made_by(), "import");
}

TEST_F(ImportedModel, AWeightsOnlyCopyDoesAllButGoOn) {
  ASSERT_EQ(train("", "run").code, kDone);
  ASSERT_EQ(bam("export " + path("run") + " --format hdf5 --out " + path("copy")).code, kDone);
  EXPECT_EQ(eval("copy").text, eval("run").text);
  const Ended generated = bam("generate " + path("copy") + " --prompt the --tokens 4");
  EXPECT_EQ(generated.code, kDone) << generated.text;
  EXPECT_EQ(train(path("copy"), "branch").code, kDone);
  config_.mutable_training()->set_steps(4);
  const Ended resumed = train("", "copy");
  EXPECT_EQ(resumed.code, kBadInput);
  EXPECT_NE(resumed.text.find("holds weights only (made by export)"), std::string::npos)
      << resumed.text;
}

}  // namespace
}  // namespace bam
