#include <gtest/gtest.h>

#include "launch/commands.h"
#include "tests/launch/small_world.h"

namespace bam {
namespace {

TEST(Help, OfTheProgramListsTheCommands) {
  for (const char* word : {"--help", "-h", "help"}) {
    const Outcome help = expect_code(0, alone({word}));
    for (const Command& command : commands()) {
      EXPECT_NE(help.out.find(command.name), std::string::npos) << command.name;
    }
    EXPECT_EQ(help.err, "");
  }
}

TEST(Help, OfEveryCommandSaysHowItIsCalled) {
  for (const Command& command : commands()) {
    const Outcome help = expect_code(0, alone({std::string(command.name), "--help"}));
    EXPECT_TRUE(help.out.starts_with("bam " + std::string(command.name))) << help.out;
    EXPECT_NE(help.out.find("--help"), std::string::npos) << help.out;
    EXPECT_EQ(help.err, "");
  }
}

TEST(Help, IsGivenUnderMpirunToo) { expect_code(0, on_ranks(2, {"train", "--help"})); }

TEST(Help, VersionIsOneLine) {
  EXPECT_TRUE(expect_code(0, alone({"--version"})).out.starts_with("bam "));
}

TEST(Help, ComesWithoutACommandAndIsBadInputThen) {
  EXPECT_NE(expect_code(2, alone({})).err.find("usage: bam COMMAND"), std::string::npos);
}

TEST(Help, UnknownCommandIsNamed) {
  EXPECT_NE(expect_code(2, alone({"trian"})).err.find("bam: trian: "), std::string::npos);
}

}  // namespace
}  // namespace bam
