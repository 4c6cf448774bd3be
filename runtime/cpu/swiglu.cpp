#include "runtime/dispatch.h"
#include "runtime/cpu/kernels.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/vector_math.h"

namespace bam::cpu {

void swiglu(Stream& stream, const Tensor& gate, const Tensor& up, const Tensor& out) {
  with_float_type(gate.dtype(), [&]<class T>(T) {
    const T* gates = gate.data<T>();
    const T* ups = up.data<T>();
    T* outs = out.data<T>();
    for_chunks(stream, gate.elements(), 8, [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) {
        const auto g = static_cast<float>(gates[i]);
        outs[i] = rounded<T>(g * sigmoid(g) * static_cast<float>(ups[i]));
      }
    });
  });
}

// silu'(g) = s + g s (1 - s), with s = sigmoid(g).
void swiglu_backward(Stream& stream, const Tensor& gate, const Tensor& up, const Tensor& d_out,
                     const Tensor& d_gate, const Tensor& d_up, const Tensor& out) {
  with_float_type(gate.dtype(), [&]<class T>(T) {
    const T* gates = gate.data<T>();
    const T* ups = up.data<T>();
    const T* d_outs = d_out.data<T>();
    T* d_gates = d_gate.data<T>();
    T* d_ups = d_up.data<T>();
    T* outs = out.data<T>();
    for_chunks(stream, gate.elements(), 16, [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) {
        const auto g = static_cast<float>(gates[i]);
        const auto u = static_cast<float>(ups[i]);
        const auto d = static_cast<float>(d_outs[i]);
        const float s = sigmoid(g);
        const float silu = g * s;
        d_gates[i] = rounded<T>(d * u * (s + silu * (1.0F - s)));
        d_ups[i] = rounded<T>(d * silu);
        outs[i] = rounded<T>(silu * u);
      }
    });
  });
}

}  // namespace bam::cpu
