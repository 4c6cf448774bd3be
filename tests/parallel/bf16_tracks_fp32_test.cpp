// Training in bf16 takes the course of training in fp32.
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>

#include "parallel/learning_rate.h"
#include "parallel/trainer.h"
#include "runtime/attention.h"
#include "tests/model/small_model.h"
#include "tests/parallel/ranks.h"

namespace bam::testing {
namespace {

constexpr std::int64_t kSteps = 200;
constexpr std::int64_t kSequences = 8;
constexpr std::int64_t kLength = 48;

// Sequences of one of two Markov chains: from each token mostly to one of three others, which
// differ between the chains. So there is something to learn of each token, and of which chain it
// is.
class MarkovSource {
 public:
  explicit MarkovSource(std::int64_t vocabulary) : vocabulary_(vocabulary) {}

  std::int64_t first(const Random& random, std::uint64_t at) const { return uniform(random, at); }

  std::int64_t next(int chain, std::int64_t token, const Random& random, std::uint64_t at) const {
    const double draw = random.uniform(at);
    if (draw > 0.9) {
      return uniform(random, at + 1);
    }
    const std::int64_t choice = draw < 0.5 ? 0 : draw < 0.75 ? 1 : 2;
    return (token * (3 + 4 * chain) + 11 * choice + 5) % vocabulary_;
  }

 private:
  std::int64_t uniform(const Random& random, std::uint64_t at) const {
    return static_cast<std::int64_t>(random.uniform(at) * static_cast<double>(vocabulary_));
  }

  std::int64_t vocabulary_;
};

Batch markov_batch(Stream& stream, std::int64_t vocabulary, std::int64_t step) {
  const MarkovSource source(vocabulary);
  const std::int64_t n = kSequences * kLength;
  Batch batch{.sequences = kSequences,
              .length = kLength,
              .tokens = Tensor(stream, {n}, DType::kInt32),
              .targets = Tensor(stream, {n}, DType::kInt32),
              .document_starts = Tensor(stream, {n}, DType::kInt32),
              .domains = std::vector<int>(static_cast<std::size_t>(kSequences)),
              .rank_sequences = {kSequences},
              .rank_documents = {AttentionShape::kWhole}};
  for (std::int64_t s = 0; s < kSequences; ++s) {
    const Random random(static_cast<std::uint64_t>(step), std::to_string(s));
    std::int64_t token = source.first(random, 0);
    for (std::int64_t i = s * kLength; i < (s + 1) * kLength; ++i) {
      const auto at = static_cast<std::uint64_t>(2 * (i - s * kLength) + 1);
      const std::int64_t next = source.next(static_cast<int>(s % 2), token, random, at);
      batch.tokens.data<std::int32_t>()[i] = static_cast<std::int32_t>(token);
      batch.targets.data<std::int32_t>()[i] = static_cast<std::int32_t>(next);
      batch.document_starts.data<std::int32_t>()[i] = static_cast<std::int32_t>(s * kLength);
      token = next;
    }
  }
  return batch;
}

// The model on this rank alone.
class Training {
 public:
  Training(const ModelConfig& config, Precision precision)
      : vocabulary_(config.vocabulary),
        layout_(world(), 1),
        trainer_(stream_, world(), layout_, config, round_robin(config, 1),
                 {.precision = precision, .optimizer = {}}) {
    trainer_.draw_weights(3);
  }

  double loss_of_step(std::int64_t step) {
    const LearningRate rate{.peak = 2e-3, .warmup_steps = 20, .steps = kSteps};
    const Batch batch = markov_batch(stream_, vocabulary_, step);
    const auto rows = static_cast<double>(batch.rows());
    return trainer_
        .step({.step = step,
               .learning_rate = rate.at(step),
               .scored_targets = rows,
               .rows = rows,
               .batch = [&](std::int64_t) { return batch; }})
        .loss;
  }

 private:
  Memory memory_;
  Stream stream_{memory_};
  std::int64_t vocabulary_;
  Layout layout_;
  Trainer trainer_;
};

void expect_tracking(const ModelConfig& config) {
  Training fp32(config, Precision::kFloat32);
  Training bf16(config, Precision::kBFloat16);
  double expected = 0;
  double furthest = 0;
  for (std::int64_t step = 1; step <= kSteps; ++step) {
    expected = fp32.loss_of_step(step);
    const double found = bf16.loss_of_step(step);
    EXPECT_NEAR(found / expected, 1, 0.01) << "step " << step;
    furthest = std::max(furthest, std::abs(found / expected - 1));
  }
  EXPECT_LT(expected, 0.6 * std::log(config.vocabulary)) << "learnt too little to say";
  std::cout << "last loss " << expected << ", furthest " << 100 * furthest << " %\n";
}

TEST(Bf16, TracksFp32InADenseModel) { expect_tracking(small_dense()); }

TEST(Bf16, TracksFp32InAMixtureWithExpertKv) {
  expect_tracking(small_mixture(AttentionMixture{.experts = 4}, {.experts = 4}));
}

}  // namespace
}  // namespace bam::testing
