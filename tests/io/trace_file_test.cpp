#include "io/trace_file.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "io/text_file.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

TEST(TraceFile, HoldsWorkAndFlightsInMicrosecondsFromTheOrigin) {
  const TemporaryFolder folder;
  Trace trace;
  trace.add(Trace::Work{Activity::kProducts, "matmul", 10.5, 10.75});
  trace.add(Trace::Flight{10.25, 11.0, 4096});
  write_trace(folder.path() / "trace.json", trace, 3, 10.0);
  const auto events =
      nlohmann::json::parse(read_file(folder.path() / "trace.json")).at("traceEvents");
  ASSERT_EQ(events.size(), 4);
  EXPECT_EQ(events[0].at("args").at("name"), "rank 3");
  EXPECT_EQ(events[1].at("ph"), "X");
  EXPECT_EQ(events[1].at("name"), "matmul");
  EXPECT_EQ(events[1].at("cat"), "products");
  EXPECT_EQ(events[1].at("pid"), 3);
  EXPECT_EQ(events[1].at("ts"), 0.5e6);
  EXPECT_EQ(events[1].at("dur"), 0.25e6);
  EXPECT_EQ(events[2].at("ph"), "b");
  EXPECT_EQ(events[2].at("ts"), 0.25e6);
  EXPECT_EQ(events[2].at("args").at("bytes_sent"), 4096);
  EXPECT_EQ(events[3].at("ph"), "e");
  EXPECT_EQ(events[3].at("id"), events[2].at("id"));
  EXPECT_EQ(events[3].at("ts"), 1.0e6);
}

}  // namespace
}  // namespace bam
