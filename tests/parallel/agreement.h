#pragma once

#include <gtest/gtest.h>

#include "tests/parallel/layout_training.h"

namespace bam::testing {

/// Every row of this rank goes where it goes when one rank has them all.
inline void expect_same_choices(const std::vector<Routed>& whole,
                                const std::vector<Routed>& part, std::int64_t first_row) {
  ASSERT_EQ(whole.size(), part.size());
  for (std::size_t i = 0; i < part.size(); ++i) {
    const auto first = static_cast<std::size_t>(first_row) * part[i].k;
    const auto expected = std::span(whole[i].choices).subspan(first, part[i].choices.size());
    EXPECT_TRUE(std::ranges::equal(part[i].choices, expected)) << "router " << i;
  }
}

/// Trains `many` beside `one`, which has the whole model on this rank's CPU alone: losses, norms, routing
/// and every row's choice agree, step by step. Returns the smallest margin of a choice.
inline double expect_same_training(Training& one, Training& many, std::int64_t steps) {
  double margin = 1;
  for (std::int64_t step = 1; step <= steps; ++step) {
    const std::vector<Routed> alone_routed = one.route(step);
    for (const Routed& router : alone_routed) {
      margin = std::min(margin, smallest_margin(router));
    }
    expect_same_choices(alone_routed, many.route(step), many.first_row());
    const StepReport expected = one.step(step);
    const StepReport found = many.step(step);
    EXPECT_NEAR(found.loss / expected.loss, 1, step == 1 ? 1e-6 : 1e-5) << "step " << step;
    EXPECT_NEAR(found.gradient_norm / expected.gradient_norm, 1, 1e-4) << "step " << step;
    EXPECT_NEAR(found.balance_loss, expected.balance_loss, 1e-6) << "step " << step;
    for (std::size_t layer = 0; layer < expected.routing.size(); ++layer) {
      EXPECT_EQ(over_domains(found.routing[layer].ffn).chosen,
                over_domains(expected.routing[layer].ffn).chosen)
          << "step " << step << ", layer " << layer;
    }
  }
  return margin;
}

}  // namespace bam::testing
