#include <bit>
#include <cstring>
#include <numeric>
#include <vector>

#include "runtime/dispatch.h"
#include "runtime/cpu/kernels.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/vector_math.h"

namespace bam::cpu {
namespace {

// Elements whose sum is one partial sum: fixed, so that the total's bits are.
constexpr std::int64_t kSumElements = 16384;

double squares(const float* values, std::int64_t size) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < size; ++i) {
    sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  }
  return sum;
}

// 1 if an exponent is all ones, which only infinities and NaN have.
std::uint32_t any_not_finite(const float* values, std::int64_t size) {
  std::uint32_t found = 0;
#pragma omp simd reduction(| : found)
  for (std::int64_t i = 0; i < size; ++i) {
    found |= (std::bit_cast<std::uint32_t>(values[i]) & 0x7f800000U) == 0x7f800000U ? 1U : 0U;
  }
  return found;
}

double sum_of_squares(Stream& stream, const Tensor& values) {
  const std::int64_t size = values.elements();
  const std::int64_t parts = (size + kSumElements - 1) / kSumElements;
  std::vector<double> sums(static_cast<std::size_t>(parts));
  for_chunks(stream, parts, kSumElements * 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i * kSumElements;
      sums[static_cast<std::size_t>(i)] =
          squares(values.data<float>() + first, std::min(kSumElements, size - first));
    }
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace

void fill_zero(Stream& stream, const Tensor& out) {
  for_chunks(stream, static_cast<std::int64_t>(out.bytes()), 1,
             [&](std::int64_t begin, std::int64_t end) {
               std::memset(out.raw() + begin, 0, static_cast<std::size_t>(end - begin));
             });
}

void fill(Stream& stream, const Tensor& out, float value) {
  for_chunks(stream, out.elements(), 4, [&](std::int64_t begin, std::int64_t end) {
    std::fill(out.data<float>() + begin, out.data<float>() + end, value);
  });
}

void copy(Stream& stream, const Tensor& from, const Tensor& to) {
  if (from.dtype() == to.dtype()) {
    for_chunks(stream, static_cast<std::int64_t>(from.bytes()), 1,
               [&](std::int64_t begin, std::int64_t end) {
                 std::memmove(to.raw() + begin, from.raw() + begin,
                              static_cast<std::size_t>(end - begin));
               });
    return;
  }
  with_float_type(from.dtype(), [&]<class From>(From) {
    with_float_type(to.dtype(), [&]<class To>(To) {
      for_chunks(stream, from.elements(), sizeof(From), [&](std::int64_t begin, std::int64_t end) {
        convert(from.data<From>() + begin, to.data<To>() + begin, end - begin);
      });
    });
  });
}

void add(Stream& stream, const Tensor& part, const Tensor& sum) {
  with_float_type(part.dtype(), [&]<class T>(T) {
    for_chunks(stream, part.elements(), sizeof(T), [&](std::int64_t begin, std::int64_t end) {
      const T* from = part.data<T>();
      float* to = sum.data<float>();
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) {
        to[i] += static_cast<float>(from[i]);
      }
    });
  });
}

double squared_norm(Stream& stream, std::span<const Tensor> tensors) {
  double sum = 0;
  for (const Tensor& values : tensors) {
    sum += sum_of_squares(stream, values);
  }
  return sum;
}

bool all_finite(Stream& stream, const Tensor& values) {
  std::uint32_t found = 0;
  for_chunks(stream, values.elements(), 4, [&](std::int64_t begin, std::int64_t end) {
    const std::uint32_t here = any_not_finite(values.data<float>() + begin, end - begin);
#pragma omp atomic
    found |= here;
  });
  return found == 0;
}

}  // namespace bam::cpu
