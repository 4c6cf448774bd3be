// What a step's trace shows of compute and transfers.
#include <gtest/gtest.h>

#include <algorithm>

#include "parallel/trainer.h"
#include "tests/model/small_model.h"
#include "tests/parallel/ranks.h"

namespace bam::testing {
namespace {

bool is_compute(const Trace::Work& work) {
  return work.activity == Activity::kProducts || work.activity == Activity::kAttention;
}

// The trace of one step of a BAM model whose experts are spread over all ranks.
Trace traced_step(Overlap overlap) {
  const ModelConfig config =
      small_mixture(AttentionMixture{.experts = 4}, FfnMixture{.experts = 4, .top_k = 2});
  Memory memory;
  Stream stream(memory);
  Layout layout(world(), 0);
  Trainer trainer(stream, world(), layout, config, round_robin(config, world().size()),
                  {.optimizer = {}, .overlap = overlap});
  trainer.draw_weights(1);
  Batch batch = random_batch(stream, config, 2, 64, 1);
  batch.rank_sequences.assign(static_cast<std::size_t>(world().size()), 2);
  batch.rank_documents.clear();
  const double targets = SmallModel::scored(stream, batch) * world().size();
  const auto rows = static_cast<double>(batch.rows() * world().size());
  Trace trace;
  stream.record(&trace);
  static_cast<void>(trainer.step(
      {.learning_rate = 1e-3, .scored_targets = targets, .rows = rows, .batch = [&](std::int64_t) {
         return batch;
       }}));
  stream.record(nullptr);
  return trace;
}

// Flights in which a product or an attention began and ended.
std::int64_t flights_with_compute(const Trace& trace) {
  return std::ranges::count_if(trace.flights(), [&](const Trace::Flight& flight) {
    return std::ranges::any_of(trace.work(), [&](const Trace::Work& work) {
      return is_compute(work) && flight.begin <= work.begin && work.end <= flight.end;
    });
  });
}

TEST(Trace, ShowsTransfersInFlightDuringCompute) {
  const Trace trace = traced_step(Overlap::kOn);
  if (world().size() == 1) {
    EXPECT_TRUE(trace.flights().empty());
    return;
  }
  // In each of two layers, forward and backward: FFN dispatch and combine, attention out and back.
  EXPECT_GE(flights_with_compute(trace), 8);
}

TEST(Trace, ShowsNoTransferInFlightDuringComputeWhenOverlapIsOff) {
  const Trace trace = traced_step(Overlap::kOff);
  EXPECT_EQ(flights_with_compute(trace), 0);
}

TEST(Trace, CoversWorkOfEveryKindWithoutOverlapping) {
  const Trace trace = traced_step(Overlap::kOn);
  const std::array<double, kActivities> seconds = trace.seconds();
  for (std::size_t i = 0; i < kActivities; ++i) {
    const bool is_exchange = static_cast<Activity>(i) == Activity::kExchange;
    EXPECT_TRUE(seconds[i] > 0 || (is_exchange && world().size() == 1))
        << name_of(static_cast<Activity>(i));
  }
  std::vector<Trace::Work> work = trace.work();
  std::ranges::sort(work, {}, &Trace::Work::begin);
  for (std::size_t i = 1; i < work.size(); ++i) {
    EXPECT_GE(work[i].begin, work[i - 1].end) << work[i - 1].name << ", " << work[i].name;
  }
}

}  // namespace
}  // namespace bam::testing
