#include "runtime/heartbeat.h"

#include <gtest/gtest.h>

#include "runtime/stream.h"

namespace bam {
namespace {

TEST(Heartbeat, SaysWhatIsWaitedForAndSinceWhen) {
  Heartbeat heartbeat;
  EXPECT_EQ(heartbeat.text(0), "start");
  heartbeat.step(12);
  heartbeat.enter("backward", 3);
  heartbeat.begin({.name = "transfer", .group = "expert group", .number = 118}, 100);
  EXPECT_EQ(heartbeat.text(131.25),
            "step 12, backward of layer 3: in transfer 118 of the expert group for 31.2 s");
  heartbeat.end();
  EXPECT_EQ(
      heartbeat.text(131.25),
      "step 12, backward of layer 3: after transfer 118 of the expert group, begun 31.2 s ago");
  heartbeat.enter("saving");
  heartbeat.begin({.name = "barrier", .group = "world", .number = 7}, 140);
  EXPECT_EQ(heartbeat.text(141), "step 12, saving: in barrier 7 of the world for 1.0 s");
}

TEST(Heartbeat, IsToldByEveryTracedKernel) {
  Memory memory;
  Stream stream(memory);
  const auto text = [&] { return stream.heartbeat().text(Trace::now()); };
  {
    const Traced traced(stream, Activity::kProducts, "matmul");
    EXPECT_EQ(text().rfind("start: in matmul for ", 0), 0U) << text();
  }
  EXPECT_EQ(text().rfind("start: after matmul, begun ", 0), 0U) << text();
}

}  // namespace
}  // namespace bam
