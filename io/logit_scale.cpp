#include "io/logit_scale.h"

#include <cmath>

#include "runtime/check.h"

namespace bam {
namespace {

constexpr const char* kInexact =
    " cannot go into the final norm's weights exactly; a power of two can";

}  // namespace

bool is_scaled(const ParameterSpec& spec) { return spec.tensor == "final_norm"; }

void multiply_exactly(std::span<float> values, double factor, const std::string& what) {
  for (float& value : values) {
    const auto wide = static_cast<double>(value);
    const auto product = static_cast<float>(factor * wide);
    // The fused form has the product's rounding error in full.
    const double error = std::fma(factor, wide, -static_cast<double>(product));
    check_input(error == 0 && (product != 0 || value == 0), what, kInexact);
    value = product;
  }
}

void divide_exactly(std::span<float> values, double divisor, const std::string& what) {
  for (float& value : values) {
    const auto wide = static_cast<double>(value);
    const auto quotient = static_cast<float>(wide / divisor);
    const double error = std::fma(divisor, static_cast<double>(quotient), -wide);
    check_input(error == 0 && (quotient != 0 || value == 0), what, kInexact);
    value = quotient;
  }
}

}  // namespace bam
