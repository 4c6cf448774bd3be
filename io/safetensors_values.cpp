#include "io/safetensors_values.h"

#include <bit>
#include <cstring>

#include "runtime/check.h"
#include "runtime/dtype.h"

namespace bam {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian");

/// IEEE binary16 to binary32, whose range and precision hold every value of it.
float from_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fU;
  const std::uint32_t fraction = half & 0x3ffU;
  if (exponent == 0x1f) {  // infinity, NaN
    return std::bit_cast<float>(sign | 0x7f800000U | (fraction << 13));
  }
  if (exponent == 0) {  // zero, subnormal: a multiple of 2^-24
    constexpr float kStep = 1.0F / (1 << 24);
    const float magnitude = static_cast<float>(fraction) * kStep;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

template <class Stored, class Convert>
void convert(std::span<const std::byte> stored, std::span<float> values, Convert to_float) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored element;
    std::memcpy(&element, stored.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = to_float(element);
  }
}

}  // namespace

std::string_view name_of(SafetensorsType type) {
  switch (type) {
    case SafetensorsType::kFloat32:
      return "F32";
    case SafetensorsType::kFloat16:
      return "F16";
    case SafetensorsType::kBFloat16:
      return "BF16";
  }
  return "?";
}

void widen(SafetensorsType type, std::span<const std::byte> stored, std::span<float> values) {
  switch (type) {
    case SafetensorsType::kFloat32:
      std::memcpy(values.data(), stored.data(), values.size_bytes());
      break;
    case SafetensorsType::kFloat16:
      convert<std::uint16_t>(stored, values, from_half);
      break;
    case SafetensorsType::kBFloat16:
      convert<bfloat16>(stored, values, [](bfloat16 value) { return static_cast<float>(value); });
      break;
  }
}

void narrow(SafetensorsType type, std::span<const float> values, std::span<std::byte> stored) {
  check(type != SafetensorsType::kFloat16, "weights are not stored as F16");
  if (type == SafetensorsType::kFloat32) {
    std::memcpy(stored.data(), values.data(), values.size_bytes());
    return;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bfloat16 rounded(values[i]);
    std::memcpy(stored.data() + i * sizeof rounded, &rounded, sizeof rounded);
  }
}

}  // namespace bam
