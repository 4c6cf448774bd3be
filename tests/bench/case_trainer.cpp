#include "tests/bench/case_trainer.h"

#include <algorithm>

#include "runtime/attention.h"
#include "runtime/check.h"
#include "runtime/random.h"

namespace bam::bench {
namespace {

// Random tokens, one document a sequence; the same whatever the ranks.
Batch made_batch(Stream& stream, const BenchCase& each, const Layout& layout) {
  const std::int64_t first = layout.first_sequence(each.sequences);
  const std::int64_t count = layout.sequences(each.sequences);
  const std::int64_t rows = count * each.length;
  Batch batch{.sequences = count,
              .length = each.length,
              .tokens = Tensor(stream, {rows}, DType::kInt32),
              .targets = Tensor(stream, {rows}, DType::kInt32),
              .document_starts = Tensor(stream, {rows}, DType::kInt32),
              .domains = std::vector<int>(static_cast<std::size_t>(count)),
              .rank_sequences = layout.group_sequences(each.sequences),
              .rank_documents = std::vector<std::int64_t>(
                  static_cast<std::size_t>(layout.expert_parallel()), AttentionShape::kWhole)};
  const Random random(1, "bench");
  const auto token = [&](std::int64_t i) {
    const double drawn = random.uniform(static_cast<std::uint64_t>(first * each.length + i));
    return static_cast<std::int32_t>(drawn * static_cast<double>(each.config.vocabulary));
  };
  for (std::int64_t i = 0; i < rows; ++i) {
    batch.tokens.data<std::int32_t>()[i] = token(i);
    batch.targets.data<std::int32_t>()[i] = token(i + 1);
    batch.document_starts.data<std::int32_t>()[i] =
        static_cast<std::int32_t>(i / each.length * each.length);
  }
  return batch;
}

}  // namespace

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

CaseTrainer::CaseTrainer(Communicator& world, Communicator& watch, const BenchCase& each,
                         const TrainerOptions& options)
    : world_(world),
      watch_(watch),
      case_(each),
      layout_(world, 0),
      trainer_(stream_, world, layout_, each.config, round_robin(each.config, world.size()),
               options),
      batch_(made_batch(stream_, each, layout_)) {
  trainer_.draw_weights(1);
}

double CaseTrainer::step(double learning_rate) {
  watch_.barrier(stream_).wait(stream_);
  world_.clock().reset();
  const double start = Trace::now();
  const auto rows = static_cast<double>(case_.sequences * case_.length);
  const StepReport report = trainer_.step({.step = ++steps_,
                                           .learning_rate = learning_rate,
                                           .scored_targets = rows,
                                           .rows = rows,
                                           .batch = [&](std::int64_t) { return batch_; }});
  check(!report.skipped, "step ", steps_, " of ", case_.name, " was skipped");
  watch_.barrier(stream_).wait(stream_);
  return Trace::now() - start;
}

CaseTrainer::TracedStep CaseTrainer::traced_step(double learning_rate) {
  TracedStep traced;
  watch_.barrier(stream_).wait(stream_);
  traced.origin = Trace::now();
  stream_.record(&traced.trace);
  traced.seconds = step(learning_rate);
  stream_.record(nullptr);
  return traced;
}

}  // namespace bam::bench
