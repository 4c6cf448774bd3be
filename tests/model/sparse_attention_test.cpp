// What top-k attention saves: queries, scores and output projections run on routed rows only.
#include <gtest/gtest.h>

#include "runtime/rope.h"
#include "tests/model/small_model.h"

namespace bam::testing {
namespace {

// Floating-point operations of one layer's attention experts, forward.
struct Work {
  double queries = 0;  // products with Wq and Wo, scores, and their weighted sums
  double keys = 0;     // products with Wk and Wv
};

double visible_keys(const Tensor& query_rows, const Tensor& document_starts) {
  double pairs = 0;
  for (const std::int32_t row : query_rows.span<std::int32_t>()) {
    pairs += row - document_starts.data<std::int32_t>()[row] + 1;
  }
  return pairs;
}

Work work_of(const AttentionSliceSaved& slice, const Batch& batch) {
  Work work;
  const auto add_keys = [&](const KeysValues& kv) {
    work.keys += 4.0 * static_cast<double>(kv.k.elements() * slice.h.cols());
  };
  for (const AttentionSliceSaved::OfRun& run : slice.runs) {
    const double width = static_cast<double>(run.attention.q.cols());
    const double rows = static_cast<double>(run.attention.q.rows());
    EXPECT_EQ(run.attention.q.rows(), run.attention.query_rows.rows());
    work.queries += 4 * rows * width * static_cast<double>(slice.h.cols()) +
                    4 * width * visible_keys(run.attention.query_rows, batch.document_starts);
    add_keys(run.kv);
  }
  add_keys(slice.shared_kv);
  return work;
}

Work attend(AttentionRouting routing, KeyValue key_value) {
  const AttentionMixture mixture{.experts = 4, .routing = routing, .key_value = key_value};
  SmallModel small(small_mixture(mixture, {.experts = 4}), Precision::kFloat32);
  const ModelConfig& config = small.model.config();
  const Batch batch = random_batch(small.stream, config, 2, 60, 1);
  const AttentionLayer layer(config, small.store, small.placement, 0, small.exchange);
  const MicroBatch micro = lay_out(small.stream, config, batch, small.placement, small.exchange, 1);
  const Tensor table = rope_table(small.stream, batch.length, config.head_dim(), config.rope_theta);
  const Tensor h(small.stream, {batch.rows(), config.d_model}, DType::kFloat32);
  const Tensor sum(small.stream, h.shape(), DType::kFloat32);
  fill_normal(small.stream, Random(1, "h"), 1.0, 0, h);
  fill_zero(small.stream, sum);
  AttentionLayerSaved saved;
  AttentionFlight flight;
  layer.start(small.stream, micro, h, saved, flight);
  layer.own(small.stream, micro, table, saved, sum, nullptr);
  return work_of(saved.own.at(0), batch);
}

TEST(SparseAttention, DoesAtMostTwoFifthsOfSoftRoutingsWorkOnQueries) {
  for (const KeyValue key_value : {KeyValue::kPerExpert, KeyValue::kShared}) {
    const Work soft = attend(AttentionRouting::kSoft, key_value);
    const Work top1 = attend(AttentionRouting::kTopK, key_value);
    EXPECT_GT(top1.queries, 0);
    EXPECT_LE(top1.queries, 0.4 * soft.queries);
    EXPECT_GT(top1.keys, 0);
    EXPECT_EQ(top1.keys, soft.keys);
  }
}

}  // namespace
}  // namespace bam::testing
