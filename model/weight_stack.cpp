#include "model/weight_stack.h"

#include <algorithm>

#include "runtime/check.h"
#include "runtime/elementwise.h"

namespace bam {

WeightStack::WeightStack(std::vector<const Parameter*> parts) : parts_(std::move(parts)) {
  const Parameter& first = *parts_.front();
  std::int64_t end = first.stack_row;
  for (const Parameter* part : parts_) {
    check(part->stack_row == end && part->value_stack.raw() == first.value_stack.raw(),
          part->spec.name(), " is no neighbour of ", first.spec.name());
    end += part->value.rows();
  }
  value_ = first.value_stack.slice(first.stack_row, end);
  if (!first.gradient.empty()) {
    gradient_ = first.gradient_stack.slice(first.stack_row, end);
  }
}

Write WeightStack::write_gradient(Stream& stream) const {
  const auto is_stale = [](const Parameter* part) { return part->is_gradient_stale; };
  const bool all = std::ranges::all_of(parts_, is_stale);
  for (const Parameter* part : parts_) {
    if (part->is_gradient_stale && !all) {
      fill_zero(stream, part->gradient);
    }
    part->is_gradient_stale = false;
  }
  return all ? Write::kReplace : Write::kAdd;
}

}  // namespace bam
