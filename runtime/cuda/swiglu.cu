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

// Where the pack of an output lies: gate's are `gate` packs into gate_up, up's `half` further on.
struct Packs {
  __device__ Packs(std::int64_t i, unsigned half) : gate(i + i / half * half), up(gate + half) {}

  std::int64_t gate;
  std::int64_t up;
};

template <class T, int kWidth>
__global__ void swiglu_kernel(const T* gate_up, T* out, std::int64_t packs, unsigned half) {
  const std::int64_t i = place();
  if (i >= packs) {
    return;
  }
  const Packs at(i, half);
  auto g = load<kWidth>(gate_up + at.gate * kWidth);
  const auto u = load<kWidth>(gate_up + at.up * kWidth);
  for (int j = 0; j < kWidth; ++j) {
    const float x = widen(g.at[j]);
    g.at[j] = rounded<T>(x * sigmoid<T>(x) * widen(u.at[j]));
  }
  store(g, out + i * kWidth);
}

// silu'(g) = s + g s (1 - s), with s = sigmoid(g).
template <class T, int kWidth>
__global__ void swiglu_backward_kernel(const T* gate_up, const T* d_out, T* d_gate_up, T* out,
                                       std::int64_t packs, unsigned half) {
  const std::int64_t i = place();
  if (i >= packs) {
    return;
  }
  const Packs at(i, half);
  auto gates = load<kWidth>(gate_up + at.gate * kWidth);
  auto ups = load<kWidth>(gate_up + at.up * kWidth);
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
  store(gates, d_gate_up + at.gate * kWidth);
  store(ups, d_gate_up + at.up * kWidth);
  store(slopes, out + i * kWidth);
}

// body(width, packs of all outputs, packs of one row of them).
template <class T, class Body>
void with_packs(const Tensor& out, std::initializer_list<const Tensor*> tensors, Body&& body) {
  with_wide_rows<T>(
      out.cols(), tensors, [&]<int kWidth>(std::integral_constant<int, kWidth> width) {
        body(width, out.elements() / kWidth, static_cast<unsigned>(out.cols() / kWidth));
      });
}

}  // namespace

void swiglu(Stream& stream, const Tensor& gate_up, const Tensor& out) {
  with_float_type(out.dtype(), [&]<class T>(T) {
    with_packs<T>(
        out, {&gate_up, &out},
        [&]<int kWidth>(std::integral_constant<int, kWidth>, std::int64_t packs, unsigned half) {
          launch(stream, thread_each(packs), swiglu_kernel<T, kWidth>, data_of<T>(gate_up),
                 data_of<T>(out), packs, half);
        });
  });
}

void swiglu_backward(Stream& stream, const Tensor& gate_up, const Tensor& d_out,
                     const Tensor& d_gate_up, const Tensor& out) {
  with_float_type(out.dtype(), [&]<class T>(T) {
    with_packs<T>(
        out, {&gate_up, &d_out, &d_gate_up, &out},
        [&]<int kWidth>(std::integral_constant<int, kWidth>, std::int64_t packs, unsigned half) {
          launch(stream, thread_each(packs), swiglu_backward_kernel<T, kWidth>, data_of<T>(gate_up),
                 data_of<T>(d_out), data_of<T>(d_gate_up), data_of<T>(out), packs, half);
        });
  });
}

}  // namespace bam::cuda
