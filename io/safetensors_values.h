#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace bam {

/// Element types of safetensors files that hold weights; little-endian.
enum class SafetensorsType : std::uint8_t { kFloat32, kFloat16, kBFloat16 };

/// "F32", "F16", "BF16": as the header spells it.
std::string_view name_of(SafetensorsType type);
constexpr std::int64_t bytes_of(SafetensorsType type) {
  return type == SafetensorsType::kFloat32 ? 4 : 2;
}

/// The stored elements as fp32, every value exactly (signs of zeros, infinities and NaN bits too);
/// `stored` has values.size() elements.
void widen(SafetensorsType type, std::span<const std::byte> stored, std::span<float> values);

/// The values as they are stored: fp32 as it is, BF16 rounded to nearest even. Throws Error for
/// F16, whose range is too small for weights in general.
void narrow(SafetensorsType type, std::span<const float> values, std::span<std::byte> stored);

}  // namespace bam
