#include <limits>

#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

// e^x, to the last bit but two of fp32 logits. What is rounded to bf16 needs no such care, and with
// it the kernel would take longer than its memory.
template <class T>
__device__ float exponential(float x);
template <>
__device__ inline float exponential<float>(float x) {
  return expf(x);
}
template <>
__device__ inline float exponential<bfloat16>(float x) {
  return __expf(x);
}

// What logsumexp of some values is made of.
template <class T>
struct Exponentials {
  float largest = kNegativeInfinity;
  float sum = 0;  // of e^(value - largest)

  template <int kWidth>
  __device__ void take(const Pack<T, kWidth>& values) {
    float most = largest;
    for (int j = 0; j < kWidth; ++j) {
      most = Largest()(most, widen(values.at[j]));
    }
    if (most > largest) {
      sum *= exponential<T>(largest - most);
      largest = most;
    }
    const float base = most == kNegativeInfinity ? 0.0F : most;
    for (int j = 0; j < kWidth; ++j) {
      sum += exponential<T>(widen(values.at[j]) - base);
    }
  }
};

// logsumexp of a row, in one pass over it; all threads of the block get it.
template <class T, int kWidth>
__device__ float log_sum_of(const T* row, std::int64_t size) {
  Exponentials<T> own;
#pragma unroll 4
  for (std::int64_t i = threadIdx.x * kWidth; i < size; i += blockDim.x * kWidth) {
    own.take(load<kWidth>(row + i));
  }
  const float largest = block_reduce(own.largest, Largest(), kNegativeInfinity);
  const float share = own.sum == 0 ? 0.0F : own.sum * expf(own.largest - largest);
  return largest + logf(block_reduce(share, Sum(), 0.0F));
}

// One block a row. Without a gradient `d_logits` is null. Logits may be the gradient's memory: the
// target's is read by all before any is written.
template <class T, int kWidth>
__global__ void cross_entropy_kernel(const T* logits, const std::int32_t* targets, float scale,
                                     float* losses, T* d_logits, std::int64_t size, Fault* fault) {
  const std::int64_t row = blockIdx.x;
  const T* values = logits + row * size;
  const std::int32_t target = targets[row];
  const bool is_scored = target != kNotScored && is_below(target, size, Fault::kTarget, fault);
  const float log_sum = is_scored ? log_sum_of<T, kWidth>(values, size) : 0.0F;
  if (threadIdx.x == 0) {
    losses[row] = is_scored ? log_sum - widen(values[target]) : 0.0F;
  }
  if (d_logits == nullptr) {
    return;
  }
  __syncthreads();
#pragma unroll 4
  for (std::int64_t i = threadIdx.x * kWidth; i < size; i += blockDim.x * kWidth) {
    const auto in = load<kWidth>(values + i);
    Pack<T, kWidth> out;
    for (int j = 0; j < kWidth; ++j) {
      const float share = is_scored ? exponential<T>(widen(in.at[j]) - log_sum) : 0.0F;
      out.at[j] = rounded<T>(scale * (share - (i + j == target ? 1.0F : 0.0F)));
    }
    store(out, d_logits + row * size + i);
  }
}

template <class T, int kWidth>
void run(Stream& stream, const Tensor& logits, const Tensor& targets, double scale,
         const Tensor& losses, T* d_logits) {
  // A row is read twice: of long ones few at a time, so that the second time finds them in the
  // cache.
  const unsigned threads = logits.cols() <= 1024 ? 128 : logits.cols() <= 16384 ? 512 : 1024;
  launch(stream, {.blocks = {static_cast<unsigned>(logits.rows())}, .threads = {threads}},
         cross_entropy_kernel<T, kWidth>, data_of<T>(logits), data_of<std::int32_t>(targets),
         static_cast<float>(scale), data_of<float>(losses), d_logits, logits.cols(),
         stream.queue().fault());
}

}  // namespace

void cross_entropy(Stream& stream, const Tensor& logits, const Tensor& targets,
                   const Tensor& losses) {
  with_float_type(logits.dtype(), [&]<class T>(T) {
    with_wide_rows<T>(logits.cols(), {&logits},
                      [&]<int kWidth>(std::integral_constant<int, kWidth>) {
                        run<T, kWidth>(stream, logits, targets, 0, losses, nullptr);
                      });
  });
}

void cross_entropy_with_gradient(Stream& stream, const Tensor& logits, const Tensor& targets,
                                 double scale, const Tensor& losses, const Tensor& d_logits) {
  with_float_type(d_logits.dtype(), [&]<class T>(T) {
    with_wide_rows<T>(
        logits.cols(), {&logits, &d_logits}, [&]<int kWidth>(std::integral_constant<int, kWidth>) {
          run<T, kWidth>(stream, logits, targets, scale, losses, data_of<T>(d_logits));
        });
  });
}

}  // namespace bam::cuda
