#pragma once

#include <span>
#include <string>

#include "model/parameters.h"

namespace bam {

/// Whether a logit scale s goes into this weight: logits are s E (w * n) = E ((s w) * n), with n
/// the final norm's input and w its weight. The embedding E, tied or not, stays as it is.
bool is_scaled(const ParameterSpec& spec);

/// Multiplies fp32 values by `factor`. Throws BadInput, `what` first, where a product is not an
/// fp32 number: a power of two always is, short of overflow and underflow.
void multiply_exactly(std::span<float> values, double factor, const std::string& what);

/// The same for a division.
void divide_exactly(std::span<float> values, double divisor, const std::string& what);

}  // namespace bam
