#include <cstring>

#include "runtime/cpu/kernels.h"
#include "runtime/cpu/parallel.h"

namespace bam::cpu {
namespace {

// body(element of stacked, element of wide) for each row of each part.
template <class Body>
void for_rows(Stream& stream, const Tensor& stacked, const Tensor& wide, Body&& body) {
  const std::int64_t d = stacked.cols();
  const std::int64_t n = wide.rows();
  for_chunks(stream, stacked.rows(), 2 * d, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      body(row * d, row % n * wide.cols() + row / n * d);
    }
  });
}

}  // namespace

void put_side_by_side(Stream& stream, const Tensor& stacked, const Tensor& wide) {
  const std::size_t bytes = bytes_of(wide.dtype());
  for_rows(stream, stacked, wide, [&](std::int64_t from, std::int64_t to) {
    std::memcpy(wide.raw() + static_cast<std::size_t>(to) * bytes,
                stacked.raw() + static_cast<std::size_t>(from) * bytes,
                static_cast<std::size_t>(stacked.cols()) * bytes);
  });
}

void stack_parts(Stream& stream, const Tensor& wide, const Tensor& stacked, Write write) {
  for_rows(stream, stacked, wide, [&](std::int64_t to, std::int64_t from) {
    const float* in = wide.data<float>() + from;
    float* out = stacked.data<float>() + to;
    for (std::int64_t i = 0; i < stacked.cols(); ++i) {
      out[i] = write == Write::kAdd ? out[i] + in[i] : in[i];
    }
  });
}

}  // namespace bam::cpu
