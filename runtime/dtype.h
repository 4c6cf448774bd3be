#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bam {

/// What a tensor's elements are.
enum class DType : std::uint8_t { kFloat32, kBFloat16, kInt32 };

/// Bytes of one element.
constexpr std::size_t bytes_of(DType dtype) { return dtype == DType::kBFloat16 ? 2 : 4; }

constexpr std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return "fp32";
    case DType::kBFloat16: return "bf16";
    case DType::kInt32: return "int32";
  }
  return "?";
}

/// The upper half of an fp32, rounded to nearest even.
struct bfloat16 {
  std::uint16_t bits = 0;

  bfloat16() = default;
  explicit bfloat16(float value) : bits(round(value)) {}
  explicit operator float() const { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

 private:
  static std::uint16_t round(float value) {
    const auto whole = std::bit_cast<std::uint32_t>(value);
    if ((whole & 0x7fffffffU) > 0x7f800000U) {  // NaN stays NaN
      return static_cast<std::uint16_t>((whole >> 16) | 0x40U);
    }
    return static_cast<std::uint16_t>((whole + 0x7fffU + ((whole >> 16) & 1U)) >> 16);
  }
};

template <class T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() { return DType::kFloat32; }
template <>
constexpr DType dtype_of<bfloat16>() { return DType::kBFloat16; }
template <>
constexpr DType dtype_of<std::int32_t>() { return DType::kInt32; }

}  // namespace bam
