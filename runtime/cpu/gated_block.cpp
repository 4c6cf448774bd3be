#include "runtime/cpu/kernels.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/vector_math.h"
#include "runtime/dispatch.h"

namespace bam::cpu {
namespace {

// to = factor * from.
template <class T>
void scale_row(float factor, const T* from, T* to, std::int64_t size) {
#pragma omp simd
  for (std::int64_t i = 0; i < size; ++i) {
    to[i] = rounded<T>(factor * static_cast<float>(from[i]));
  }
}

}  // namespace

void weigh(Stream& stream, const GatedBlock& from, const Tensor& weighted) {
  const auto& [outputs, d, block, gates, expert] = from;
  const std::int64_t to = from.first_in(weighted);
  with_float_type(outputs.dtype(), [&]<class T>(T) {
    for_chunks(stream, outputs.rows(), d * 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        scale_row(gates.data<float>()[row * gates.cols() + expert],
                  outputs.data<T>() + row * outputs.cols() + block * d,
                  weighted.data<T>() + row * weighted.cols() + to, d);
      }
    });
  });
}

void weigh_backward(Stream& stream, const GatedBlock& from, const Tensor& u, const Tensor& weighted,
                    const Tensor& d_gates, const Tensor& d_outputs) {
  const auto& [outputs, d, block, gates, expert] = from;
  const std::int64_t own = from.first_in(u);
  with_float_type(outputs.dtype(), [&]<class T>(T) {
    for_chunks(stream, outputs.rows(), d * 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t at = row * outputs.cols() + block * d;
        const float gate = gates.data<float>()[row * gates.cols() + expert];
        const T* output = outputs.data<T>() + at;
        const T* slope = u.data<T>() + row * u.cols() + own;
        d_gates.data<float>()[row * d_gates.cols() + expert] += dot(slope, output, d);
        scale_row(gate, output, weighted.data<T>() + row * u.cols() + own, d);
        scale_row(gate, slope, d_outputs.data<T>() + at, d);
      }
    });
  });
}

}  // namespace bam::cpu
