#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

// To the last bit but two where numbers are fp32. What is rounded to bf16 needs no such care: exact
// exponentials and divisions would take a GPU longer than its memory.
template <class T>
__device__ float sigmoid(float x);
template <>
__device__ inline float sigmoid<float>(float x) {
  return 1.0F / (1.0F + expf(-x));
}
template <>
__device__ inline float sigmoid<bfloat16>(float x) {
  constexpr float kLog2E = 1.44269504088896340736F;
  return __fdividef(1.0F, 1.0F + exp2f(-kLog2E * x));
}

template <class T, int kWidth>
__global__ void swiglu_kernel(const T* gate, const T* up, T* out, std::int64_t packs) {
  const std::int64_t i = place();
  if (i >= packs) {
    return;
  }
  auto g = load<kWidth>(gate + i * kWidth);
  const auto u = load<kWidth>(up + i * kWidth);
  for (int j = 0; j < kWidth; ++j) {
    const float x = widen(g.at[j]);
    g.at[j] = rounded<T>(x * sigmoid<T>(x) * widen(u.at[j]));
  }
  store(g, out + i * kWidth);
}

// silu'(g) = s + g s (1 - s), with s = sigmoid(g).
template <class T, int kWidth>
__global__ void swiglu_backward_kernel(const T* gate, const T* up, const T* d_out, T* d_gate,
                                       T* d_up, T* out, std::int64_t packs) {
  const std::int64_t i = place();
  if (i >= packs) {
    return;
  }
  auto gates = load<kWidth>(gate + i * kWidth);
  auto ups = load<kWidth>(up + i * kWidth);
  auto slopes = load<kWidth>(d_out + i * kWidth);
  for (int j = 0; j < kWidth; ++j) {
    const float g = widen(gates.at[j]);
    const float u = widen(ups.at[j]);
    const float d = widen(slopes.at[j]);
    const float s = sigmoid<T>(g);
    const float silu = g * s;
    gates.at[j] = rounded<T>(d * u * (s + silu * (1.0F - s)));
    ups.at[j] = rounded<T>(d * silu);
    slopes.at[j] = rounded<T>(silu * u);
  }
  store(gates, d_gate + i * kWidth);
  store(ups, d_up + i * kWidth);
  store(slopes, out + i * kWidth);
}

}  // namespace

void swiglu(Stream& stream, const Tensor& gate, const Tensor& up, const Tensor& out) {
  with_float_type(gate.dtype(), [&]<class T>(T) {
    with_wide_rows<T>(gate.elements(), {&gate, &up, &out},
                      [&]<int kWidth>(std::integral_constant<int, kWidth>) {
                        const std::int64_t packs = gate.elements() / kWidth;
                        launch(stream, thread_each(packs), swiglu_kernel<T, kWidth>,
                               data_of<T>(gate), data_of<T>(up), data_of<T>(out), packs);
                      });
  });
}

void swiglu_backward(Stream& stream, const Tensor& gate, const Tensor& up, const Tensor& d_out,
                     const Tensor& d_gate, const Tensor& d_up, const Tensor& out) {
  with_float_type(gate.dtype(), [&]<class T>(T) {
    with_wide_rows<T>(gate.elements(), {&gate, &up, &d_out, &d_gate, &d_up, &out},
                      [&]<int kWidth>(std::integral_constant<int, kWidth>) {
                        const std::int64_t packs = gate.elements() / kWidth;
                        launch(stream, thread_each(packs), swiglu_backward_kernel<T, kWidth>,
                               data_of<T>(gate), data_of<T>(up), data_of<T>(d_out),
                               data_of<T>(d_gate), data_of<T>(d_up), data_of<T>(out), packs);
                      });
  });
}

}  // namespace bam::cuda
