#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

__global__ void spread_kernel(const std::int32_t* choices, const float* gates, float* dense,
                              std::int64_t slots, std::int64_t k, std::int64_t experts,
                              Fault* fault) {
  const std::int64_t slot = place();
  if (slot < slots && is_below(choices[slot], experts, Fault::kExpert, fault)) {
    dense[slot / k * experts + choices[slot]] = gates[slot];
  }
}

__global__ void pick_kernel(const std::int32_t* choices, const float* dense, float* gates,
                            std::int64_t slots, std::int64_t k, std::int64_t experts,
                            Fault* fault) {
  const std::int64_t slot = place();
  if (slot < slots && is_below(choices[slot], experts, Fault::kExpert, fault)) {
    gates[slot] = dense[slot / k * experts + choices[slot]];
  }
}

__global__ void add_to_rows_kernel(const float* addends, float* values, std::int64_t size,
                                   std::int64_t cols) {
  const std::int64_t i = place();
  if (i < size) {
    values[i] += addends[i % cols];
  }
}

__global__ void ascending_kernel(std::int32_t* out, std::int32_t first, std::int64_t size) {
  const std::int64_t i = place();
  if (i < size) {
    out[i] = first + static_cast<std::int32_t>(i);
  }
}

__global__ void shift_kernel(const std::int32_t* values, std::int32_t by, std::int32_t* out,
                             std::int64_t size) {
  const std::int64_t i = place();
  if (i < size) {
    out[i] = values[i] + by;
  }
}

}  // namespace

void spread_gates(Stream& stream, const Tensor& choices, const Tensor& gates, const Tensor& dense) {
  cuda::fill_zero(stream, dense);
  launch(stream, thread_each(choices.elements()), spread_kernel, data_of<std::int32_t>(choices),
         data_of<float>(gates), data_of<float>(dense), choices.elements(), choices.cols(),
         dense.cols(), stream.queue().fault());
}

void pick_gates(Stream& stream, const Tensor& choices, const Tensor& dense, const Tensor& gates) {
  launch(stream, thread_each(choices.elements()), pick_kernel, data_of<std::int32_t>(choices),
         data_of<float>(dense), data_of<float>(gates), choices.elements(), choices.cols(),
         dense.cols(), stream.queue().fault());
}

void add_to_rows(Stream& stream, const Tensor& addends, const Tensor& values) {
  launch(stream, thread_each(values.elements()), add_to_rows_kernel, data_of<float>(addends),
         data_of<float>(values), values.elements(), values.cols());
}

Tensor ascending(Stream& stream, std::int64_t first, std::int64_t n) {
  Tensor out(stream, {n}, DType::kInt32);
  launch(stream, thread_each(n), ascending_kernel, data_of<std::int32_t>(out),
         static_cast<std::int32_t>(first), n);
  return out;
}

Tensor shifted(Stream& stream, const Tensor& values, std::int64_t by) {
  Tensor out(stream, values.shape(), DType::kInt32);
  launch(stream, thread_each(values.elements()), shift_kernel, data_of<std::int32_t>(values),
         static_cast<std::int32_t>(by), data_of<std::int32_t>(out), values.elements());
  return out;
}

}  // namespace bam::cuda
