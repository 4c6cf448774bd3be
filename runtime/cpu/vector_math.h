#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "runtime/dtype.h"

namespace bam::cpu {

/// e^x to about 1e-7 of it, as straight-line code that compilers turn into vector instructions.
/// 0 below -87 and infinity above 88 (no subnormals); NaN stays NaN.
inline float fast_exp(float x) {
  // x = n ln 2 + r: adding 1.5 * 2^23 rounds to the integer n and leaves it in the low bits.
  constexpr float kRounder = 12582912.0F;
  const float shifted = x * 1.44269504F + kRounder;
  const float n = shifted - kRounder;
  const float r = (x - n * 0.693359375F) - n * -2.12194440e-4F;
  // Cephes' expf polynomial.
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  const auto exponent = (std::bit_cast<std::uint32_t>(shifted) << 23) + 0x3f800000U;
  const float value = p * std::bit_cast<float>(exponent);
  const float bounded = x > 88.0F ? std::numeric_limits<float>::infinity() : value;
  return x < -87.0F ? 0.0F : bounded;
}

/// 1 / (1 + e^-x).
inline float sigmoid(float x) { return 1.0F / (1.0F + fast_exp(-x)); }

/// Largest of values[0, size), -infinity for none. NaN elements are passed over.
template <class T>
float max_of(const T* values, std::int64_t size) {
  constexpr std::int64_t kLanes = 32;
  float lanes[kLanes];
  for (float& lane : lanes) {
    lane = -std::numeric_limits<float>::infinity();
  }
  const std::int64_t whole = size / kLanes * kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j) {
      const auto value = static_cast<float>(values[i + j]);
      lanes[j] = value > lanes[j] ? value : lanes[j];
    }
  }
  for (std::int64_t i = whole; i < size; ++i) {
    const auto value = static_cast<float>(values[i]);
    lanes[0] = value > lanes[0] ? value : lanes[0];
  }
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::int64_t j = 0; j < half; ++j) {
      lanes[j] = lanes[j + half] > lanes[j] ? lanes[j + half] : lanes[j];
    }
  }
  return lanes[0];
}

/// Rounds to T as T's constructor does, but for signalling NaNs, which may become infinity: without
/// a comparison, whose masks cost vector code more than the rounding.
template <class T>
T rounded(float value) {
  return static_cast<T>(value);
}
template <>
inline bfloat16 rounded<bfloat16>(float value) {
  constexpr std::uint32_t kSign = 0x80000000U;
  constexpr std::uint32_t kLargestNan = 0x7fff0000U;  // more would carry into the sign
  const auto whole = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t size = std::min(whole & ~kSign, kLargestNan);
  const std::uint32_t nearest = size + 0x7fffU + ((size >> 16) & 1U);
  bfloat16 result;
  result.bits = static_cast<std::uint16_t>((nearest | (whole & kSign)) >> 16);
  return result;
}

/// to[i] = from[i], rounded where the types differ.
template <class From, class To>
void convert(const From* from, To* to, std::int64_t size) {
#pragma omp simd
  for (std::int64_t i = 0; i < size; ++i) {
    to[i] = rounded<To>(static_cast<float>(from[i]));
  }
}

/// <a, b>, in fp32.
template <class A, class B>
float dot(const A* a, const B* b, std::int64_t size) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < size; ++i) {
    sum += static_cast<float>(a[i]) * static_cast<float>(b[i]);
  }
  return sum;
}

/// sum[i] += factor * in[i].
template <class T>
void add_scaled(float factor, const T* in, float* sum, std::int64_t size) {
#pragma omp simd
  for (std::int64_t i = 0; i < size; ++i) {
    sum[i] += factor * static_cast<float>(in[i]);
  }
}

/// out[i] = factor * in[i], rounded to T.
template <class T>
void scale_to(float factor, const float* in, T* out, std::int64_t size) {
#pragma omp simd
  for (std::int64_t i = 0; i < size; ++i) {
    out[i] = rounded<T>(factor * in[i]);
  }
}

/// out[i] = e^(scale * in[i] - shift), in fp32 and rounded to T; returns the sum of the fp32
/// values. In place where T is float.
template <class T>
float exp_row(const float* in, float scale, float shift, T* out, std::int64_t size) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < size; ++i) {
    const float value = fast_exp(scale * in[i] - shift);
    out[i] = rounded<T>(value);
    sum += value;
  }
  return sum;
}

}  // namespace bam::cpu
