#include "tests/faults/fault_report.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "io/text_file.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

TEST(FaultReport, HasARowForEachFaultInTheirOrder) {
  const TemporaryFolder folder;
  ::setenv("BAM_FAULT_ROWS", folder.path().c_str(), 1);
  {
    FaultTally late({.fault = "F12", .injection = "SIGSTOP", .goal = "<= 30 s"});
    late.add({.detected = true, .bad_accepted = false, .seconds = 31, .steps_lost = 2});
    late.add({.detected = false, .bad_accepted = false, .seconds = 29.5, .steps_lost = 1});
    FaultTally early({.fault = "F5", .injection = "bits", .goal = "0 accepted"});
    early.add(10'000, {.detected = true, .bad_accepted = false, .seconds = {}, .steps_lost = {}});
  }
  ::unsetenv("BAM_FAULT_ROWS");
  const std::string text = write_fault_report(folder.path());
  EXPECT_EQ(text, read_file(folder / "report.txt"));
  const auto rows = nlohmann::json::parse(read_file(folder / "report.json"));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0]["fault"], "F5");
  EXPECT_EQ(rows[0]["trials"], 10'000);
  EXPECT_NE(text.find("< 0.03 %"), std::string::npos) << text;
  EXPECT_EQ(rows[1]["detected"], 1);
  EXPECT_EQ(rows[1]["seconds"]["worst"], 31.0);
  EXPECT_EQ(rows[1]["steps_lost"]["worst"], 2);
}

}  // namespace
}  // namespace bam
