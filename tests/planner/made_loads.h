#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <ctime>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "parallel/planner/place.h"
#include "parallel/planner/verify/verifier.h"

namespace bam {

/// Seconds of processor time of this process: a loaded machine does not change it much.
inline double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// Draws numbers that are the same everywhere.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : source_(seed) {}

  /// A whole number from `least` to `most`.
  int whole(int least, int most) {
    return least + static_cast<int>(source_() % static_cast<std::uint64_t>(most - least + 1));
  }
  double uniform() { return static_cast<double>(source_() >> 11) * 0x1.0p-53; }
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }
  std::vector<double> lognormal(int count, double sigma) {
    std::vector<double> values;
    for (int i = 0; i < count; ++i) {
      values.push_back(std::exp(sigma * normal()));
    }
    return values;
  }
  /// Token counts: whole numbers up to `most`, none for some experts.
  std::vector<double> tokens(int count, int most) {
    std::vector<double> values;
    for (int i = 0; i < count; ++i) {
      values.push_back(whole(0, 9) == 0 ? 0 : whole(0, most));
    }
    values.front() += 1;  // not all zero
    return values;
  }

 private:
  std::mt19937_64 source_;
};

/// One window of loads on equal ranks.
inline PlacementProblem problem_of(std::vector<double> loads, int ranks, int slots) {
  PlacementProblem problem;
  problem.windows = {std::move(loads)};
  problem.ranks = equal_ranks(ranks, slots);
  problem.slots = slots;
  return problem;
}

inline std::string faults_of(const LayerPlan& plan, const PlacementProblem& problem) {
  std::string text;
  for (const std::string& fault : verify(plan, problem).faults) {
    text += fault + "\n";
  }
  return text;
}

/// The two public layers: 12 experts on 16 slots of 8 ranks.
inline std::vector<double> first_layer() {
  return {90, 132, 40, 61, 104, 165, 39, 4, 73, 56, 183, 86};
}
inline std::vector<double> second_layer() {
  return {20, 107, 104, 64, 19, 197, 187, 157, 172, 86, 16, 27};
}

}  // namespace bam
