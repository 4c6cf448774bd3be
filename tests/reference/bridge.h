#pragma once

#include "model/parameter_store.h"
#include "tests/model/small_model.h"
#include "tests/reference/config.h"
#include "tests/reference/matrix.h"

namespace bam::testing {

/// A tensor's numbers, exactly; of one dimension: one row.
reference::Matrix matrix_of(const Tensor& tensor);

/// What the library computes, as the reference takes it.
reference::Config config_of(const ModelConfig& config);
reference::Batch batch_of(const Batch& batch);
reference::Weights weights_of(const ParameterStore& store);
reference::Weights gradients_of(const ParameterStore& store);

/// |found - expected| / |expected| in the L2 norm; 0 where both are zero.
double relative_error(const reference::Matrix& found, const reference::Matrix& expected);
/// Fails, naming `what`, unless the relative error is at most `bound`.
void expect_close(const reference::Matrix& found, const reference::Matrix& expected, double bound,
                  const std::string& what);
/// The same for every weight of `expected`, by name. Where zeros are expected, the bound is
/// relative to all weights together: sums that cancel leave rounding behind.
void expect_close(const reference::Weights& found, const reference::Weights& expected,
                  double bound);

/// A model of the library (its norms' weights varied), and the same as the reference takes it.
struct Pair {
  Pair(const ModelConfig& model_config, Precision precision);

  /// The first random batch whose top-k choices all have a margin (reference/router.h) above
  /// `margin`.
  Batch clear_batch(std::int64_t sequences, std::int64_t length, double margin);

  SmallModel small;
  reference::Config config;
  reference::Weights weights;
};

}  // namespace bam::testing
