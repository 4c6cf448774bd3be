// Arguments and streams that cannot be used: exit code 2, what is wrong named, nothing written.
#include <gtest/gtest.h>

#include "io/text_file.h"
#include "tests/launch/refusal.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

class BadCommandLine : public ::testing::Test {
 protected:
  void expect_refused(const Words& words, const Words& parts) {
    expect_refusal(alone(words), parts, out());
  }

  /// A shell runs it, `bam` being $0 and a small model's config $1.
  static Outcome in_shell(const std::string& script) {
    return outcome_of(
        {{"bash", "-c", script, BAM_PROGRAM, SmallWorld::get().dense()}, {}, SIGTERM});
  }

  std::string config() const { return SmallWorld::get().dense(); }
  std::string text() const { return "law=" + SmallWorld::get().text("law").string(); }
  fs::path out() const { return folder_ / "out"; }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
};

TEST_F(BadCommandLine, OptionsThatAreUnknownMissingOrGivenTwice) {
  const std::string folder = out();
  expect_refused({"train", config(), "--out", folder, "--fast"}, {"--fast", "usage: bam train"});
  expect_refused({"train", config(), "extra", "--out", folder}, {"usage: bam train"});
  expect_refused({"train", config()}, {"--out", "usage: bam train"});
  expect_refused({"train", config(), "--out", folder, "--out", folder}, {"--out"});
  expect_refused({"data", "--out", folder}, {"--domain"});
  expect_refused({"upcycle", "--config", config(), "--out", folder}, {"--parents"});
  expect_refused({"eval", "--data", "law=x.h5"}, {"--checkpoint"});
  expect_refused({"generate"}, {"--checkpoint"});
  expect_refused({"inspect"}, {"usage: bam inspect"});
  expect_refused({"report"}, {"--run"});
  expect_refused({"pipeline", "walk", config()}, {"walk"});
  expect_refused({"pipeline", "run"}, {"--recipe"});
}

TEST_F(BadCommandLine, ValuesThatAreNone) {
  const std::string folder = out();
  expect_refused({"data", "--domain", text(), "--out", folder, "--vocabulary", "many"}, {"many"});
  expect_refused({"data", "--domain", text(), "--out", folder, "--vocabulary", "10"},
                 {"vocabulary", "10"});
  expect_refused({"data", "--domain", text(), "--out", folder, "--validation-share", "nan"},
                 {"validation-share", "nan"});
  expect_refused({"data", "--domain", "law", "--out", folder}, {"--domain", "law"});
  expect_refused({"train", config(), "--out", folder, "--device", "gpu"}, {"--device", "gpu"});
  expect_refused({"train", config(), "--out", folder, "--transport", "pigeon"},
                 {"--transport", "pigeon"});
  expect_refused({"train", config(), "--out", folder, "--set", "model.depth=4"}, {"model.depth"});
  expect_refused({"train", config(), "--out", folder, "--set", "model.n_layers"},
                 {"model.n_layers"});
  expect_refused({"train", config(), "--out", folder, "--set", "model.n_layers=four"},
                 {"model.n_layers", "four"});
  expect_refused({"plan", "layouts", config(), "--cluster", "two-cores", "--set", "cluster.nodez=3"},
                 {"--set cluster.nodez: Cluster has no field nodez"});
  expect_refused({"generate", "x", "--temperature", "nan"}, {"--temperature: nan"});
  expect_refused({"generate", "x", "--temperature", "-1"}, {"--temperature: -1"});
  expect_refused({"generate", "x", "--top-p", "0"}, {"--top-p: 0"});
  expect_refused({"generate", "x", "--tokens", "99999999999"}, {"--tokens: 99999999999"});
  expect_refused({"generate", "x", "--tokens", "%value%"}, {"%value%"});
  expect_refused({"generate", "x", "--seed", "-1"}, {"seed", "-1"});
  expect_refused({"eval", "x", "--data", "law"}, {"--data: law"});
  expect_refused({"eval", "x", "--data", "law=a.h5", "--tokens", "0"}, {"--tokens: 0"});
  expect_refused({"eval", "/no/such", "--data", "law=a.h5"}, {"/no/such: is no checkpoint"});
}

TEST_F(BadCommandLine, OptionsThatContradictEachOther) {
  const std::string folder = out();
  expect_refused({"data", "--domain", text(), "--out", folder, "--vocabulary", "300", "--tokenizer",
                  (SmallWorld::get().data() / "tokenizer.model").string()},
                 {"--tokenizer", "--vocabulary"});
  expect_refused({"data", "--domain", text(), "--domain", text(), "--out", folder},
                 {"law", "twice"});
  expect_refused({"eval", "x", "--data", "law=a.h5", "--data", "law=b.h5"}, {"law", "twice"});
  expect_refused({"inspect", "verify", "x", "--statistics"}, {"--statistics"});
}

TEST_F(BadCommandLine, FoldersThatCannotBeWritten) {
  write_file(folder() / "file", "");
  const fs::path below = folder() / "file" / "out";
  const fs::path run = folder() / "run";
  expect_code(0, alone(train(config(), run, settings({"training.steps=1"}))));
  const auto refused = [&](Words words, const fs::path& named) {
    expect_refusal(alone(words), {named.string() + ": cannot be"}, folder().path());
  };
  refused({"data", "--domain", text(), "--out", below.string()}, below);
  refused(train(config(), below), below);
  refused(train(config(), folder() / "file"), folder() / "file");
  refused({"upcycle", "--config", SmallWorld::get().btx(), "--out", below.string(), "--parents",
           run.string(), run.string()},
          below);
  refused({"eval", run.string(), "--data", "law=" + SmallWorld::get().tokens("law").string(),
           "--json", (below / "scores.json").string()},
          below);
  expect_refusal(on_ranks(2, train(config(), below)), {below.string() + ": cannot be"},
                 folder().path());
}

TEST_F(BadCommandLine, AFolderWhereAFileIsToBeWritten) {
  const fs::path run = folder() / "run";
  expect_code(0, alone(train(config(), run, settings({"training.steps=1"}))));
  fs::create_directories(run / "report.html");
  expect_refusal(alone({"report", run.string()}),
                 {(run / "report.html").string() + ": cannot be written"}, folder().path());
}

TEST_F(BadCommandLine, PathsThatNoFileSystemTakes) {
  const std::string path(5000, 'x');
  const std::string folder = out();
  expect_refused({"train", path, "--out", folder}, {path + ": cannot be read"});
  expect_refused({"train", config(), "--out", path}, {path + ": cannot be made"});
  expect_refused({"inspect", path}, {path + ": cannot be read"});
  expect_refused({"generate", path}, {path + ": is no checkpoint"});
  expect_refused({"report", path}, {path + ": holds neither"});
  expect_refused({"data", "--domain", "law=" + path, "--out", folder},
                 {path + ": there is no such"});
  expect_refused({"data", "--domain", path + "=" + text(), "--out", folder},
                 {"is not a file name"});
}

TEST_F(BadCommandLine, ArgumentsThatAreNotUtf8) {
  const std::string folder = out();
  expect_refused({"train", config(), "--out", folder, "--set", "init_from=caf\xe9"},
                 {"argument 6: not UTF-8 after \"init_from=caf\""});
  expect_refused({"\xff"}, {"argument 1: not UTF-8"});
}

TEST_F(BadCommandLine, AReaderThatHasGoneIsTold) {
  // The reader has ended before the first byte is written.
  const Outcome outcome =
      in_shell("exec 3> >(exec 0<&-); wait $!; \"$0\" inspect \"$1\" >&3; echo code $?");
  EXPECT_EQ(outcome.out, "code 2\n");
  EXPECT_EQ(outcome.err, "bam: standard output: cannot be written\n");
}

TEST_F(BadCommandLine, AFullDiskBehindTheOutputIsTold) {
  const Outcome outcome = in_shell("\"$0\" inspect \"$1\" >/dev/full; echo code $?");
  EXPECT_EQ(outcome.out, "code 2\n");
  EXPECT_EQ(outcome.err, "bam: standard output: cannot be written\n");
}

TEST_F(BadCommandLine, AClosedOutputIsNoPlaceForAFileToOpenIn) {
  const Outcome outcome =
      in_shell("\"$0\" train \"$1\" --out " + out().string() + " >&-; echo code $?");
  EXPECT_EQ(outcome.out, "code 2\n");
  EXPECT_EQ(outcome.err, "bam: standard output: is closed\n");
  EXPECT_FALSE(fs::exists(out()));
}

}  // namespace
}  // namespace bam
