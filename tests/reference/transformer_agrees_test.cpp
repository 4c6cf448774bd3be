// Whole models against the reference: the loss with its auxiliary terms, every weight's gradient.
#include <gtest/gtest.h>

#include "tests/reference/bridge.h"
#include "tests/reference/cases.h"
#include "tests/reference/transformer.h"

namespace bam::testing {
namespace {

class TransformerAgrees : public ::testing::TestWithParam<ModelCase> {};

void expect_agreement(Pair& pair, const Batch& batch, double loss_bound, double gradient_bound) {
  const auto expected = reference::losses(pair.config, pair.weights, batch_of(batch));
  EXPECT_NEAR(pair.small.gradients(batch) / expected.total(), 1, loss_bound);
  expect_close(gradients_of(pair.small.store),
               reference::gradients(pair.config, pair.weights, batch_of(batch)), gradient_bound);
}

TEST_P(TransformerAgrees, WithTheReferenceInFp32) {
  Pair pair(GetParam().config, Precision::kFloat32);
  expect_agreement(pair, pair.clear_batch(2, 33, 1e-4), 1e-5, 1e-4);
}

TEST_P(TransformerAgrees, WithTheReferenceLooselyInBf16) {
  Pair pair(GetParam().config, Precision::kBFloat16);
  expect_agreement(pair, pair.clear_batch(2, 8, 1e-2), 5e-3, 6e-2);
}

INSTANTIATE_TEST_SUITE_P(Models, TransformerAgrees, ::testing::ValuesIn(model_cases()),
                         name_of_case);

}  // namespace
}  // namespace bam::testing
