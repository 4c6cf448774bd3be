#include "runtime/cpu/kernels.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/vector_math.h"
#include "runtime/dispatch.h"

namespace bam::cpu {

void swiglu(Stream& stream, const Tensor& gate_up, const Tensor& out) {
  const std::int64_t hidden = out.cols();
  with_float_type(out.dtype(), [&]<class T>(T) {
    const T* rows = gate_up.data<T>();
    T* outs = out.data<T>();
    for_chunks(stream, out.rows(), 8 * hidden, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* gates = rows + 2 * row * hidden;
        const T* ups = gates + hidden;
        T* to = outs + row * hidden;
#pragma omp simd
        for (std::int64_t i = 0; i < hidden; ++i) {
          const auto g = static_cast<float>(gates[i]);
          to[i] = rounded<T>(g * sigmoid(g) * static_cast<float>(ups[i]));
        }
      }
    });
  });
}

// silu'(g) = s + g s (1 - s), with s = sigmoid(g).
void swiglu_backward(Stream& stream, const Tensor& gate_up, const Tensor& d_out,
                     const Tensor& d_gate_up, const Tensor& out) {
  const std::int64_t hidden = out.cols();
  with_float_type(out.dtype(), [&]<class T>(T) {
    const T* rows = gate_up.data<T>();
    const T* slopes = d_out.data<T>();
    T* d_rows = d_gate_up.data<T>();
    T* outs = out.data<T>();
    for_chunks(stream, out.rows(), 16 * hidden, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* gates = rows + 2 * row * hidden;
        const T* ups = gates + hidden;
        const T* d_outs = slopes + row * hidden;
        T* d_gates = d_rows + 2 * row * hidden;
        T* d_ups = d_gates + hidden;
        T* to = outs + row * hidden;
#pragma omp simd
        for (std::int64_t i = 0; i < hidden; ++i) {
          const auto g = static_cast<float>(gates[i]);
          const auto u = static_cast<float>(ups[i]);
          const auto d = static_cast<float>(d_outs[i]);
          const float s = sigmoid(g);
          const float silu = g * s;
          d_gates[i] = rounded<T>(d * u * (s + silu * (1.0F - s)));
          d_ups[i] = rounded<T>(d * silu);
          to[i] = rounded<T>(silu * u);
        }
      }
    });
  });
}

}  // namespace bam::cpu
