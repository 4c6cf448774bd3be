#include "runtime/adamw.h"

#include "runtime/check.h"
#include "runtime/cpu/kernels.h"

namespace bam {
namespace {

constexpr double kOperationsPerWeight = 12;

}  // namespace

void adamw(Stream& stream, const AdamwStep& step, std::span<const float> gradient,
           std::span<float> weight, std::span<float> first_moment, std::span<float> second_moment) {
  const Traced traced(stream, Activity::kOptimizer, "adamw");
  const std::size_t size = weight.size();
  check(gradient.size() == size && first_moment.size() == size && second_moment.size() == size,
        "adamw of ", size, " weights with ", gradient.size(), " gradients, ", first_moment.size(),
        " and ", second_moment.size(), " moments");
  check(step.step >= 1, "adamw step ", step.step, ": the first is 1");
  stream.count_operations(kOperationsPerWeight * static_cast<double>(size));
  cpu::adamw(stream, step, gradient, weight, first_moment, second_moment);
}

}  // namespace bam
