// Routers' rows are short: one thread a row.
#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

__global__ void softmax_kernel(const float* logits, float* probabilities, float* log_sums,
                               std::int64_t rows, std::int64_t experts) {
  const std::int64_t row = place();
  if (row >= rows) {
    return;
  }
  const float* in = logits + row * experts;
  float* out = probabilities + row * experts;
  float largest = in[0];
  for (std::int64_t i = 1; i < experts; ++i) {
    largest = in[i] > largest ? in[i] : largest;
  }
  float sum = 0;
  for (std::int64_t i = 0; i < experts; ++i) {
    out[i] = expf(in[i] - largest);
    sum += out[i];
  }
  for (std::int64_t i = 0; i < experts; ++i) {
    out[i] /= sum;
  }
  log_sums[row] = largest + logf(sum);
}

__global__ void softmax_backward_kernel(const float* probabilities, const float* log_sums,
                                        float z_scale, const float* d_probabilities,
                                        float* d_logits, std::int64_t rows, std::int64_t experts) {
  const std::int64_t row = place();
  if (row >= rows) {
    return;
  }
  const float* p = probabilities + row * experts;
  const float* dp = d_probabilities + row * experts;
  float mean = 0;
  for (std::int64_t i = 0; i < experts; ++i) {
    mean += p[i] * dp[i];
  }
  const float shift = z_scale * log_sums[row] - mean;
  for (std::int64_t i = 0; i < experts; ++i) {
    d_logits[row * experts + i] = p[i] * (dp[i] + shift);
  }
}

// Whether `expert` comes before `best`: larger, of equal ones the lower; NaN comes last, as on the
// CPU.
__device__ bool is_better(const float* p, int expert, int best) {
  return best < 0 || p[expert] > p[best] || isnan(p[best]);
}

__device__ bool is_taken(const std::int32_t* choices, std::int64_t slots, int expert) {
  for (std::int64_t slot = 0; slot < slots; ++slot) {
    if (choices[slot] == expert) {
      return true;
    }
  }
  return false;
}

__global__ void top_k_kernel(const float* probabilities, std::int32_t* choices, std::int64_t rows,
                             std::int64_t experts, std::int64_t k) {
  const std::int64_t row = place();
  if (row >= rows) {
    return;
  }
  const float* p = probabilities + row * experts;
  std::int32_t* chosen = choices + row * k;
  for (std::int64_t slot = 0; slot < k; ++slot) {
    std::int32_t best = -1;
    for (std::int32_t expert = 0; expert < experts; ++expert) {
      if (!is_taken(chosen, slot, expert) && is_better(p, expert, best)) {
        best = expert;
      }
    }
    chosen[slot] = best;
  }
}

// What the gates of a row are divided by; 0 where a choice is no expert.
__device__ float divisor_of(const float* p, const std::int32_t* chosen, std::int64_t k, Gates kind,
                            std::int64_t experts, Fault* fault) {
  float sum = 0;
  for (std::int64_t slot = 0; slot < k; ++slot) {
    if (!is_below(chosen[slot], experts, Fault::kExpert, fault)) {
      return 0;
    }
    sum += p[chosen[slot]];
  }
  return kind == Gates::kRenormalised ? sum : 1.0F;
}

__global__ void chosen_gates_kernel(const float* probabilities, const std::int32_t* choices,
                                    Gates kind, float* gates, std::int64_t rows,
                                    std::int64_t experts, std::int64_t k, Fault* fault) {
  const std::int64_t row = place();
  if (row >= rows) {
    return;
  }
  const float* p = probabilities + row * experts;
  const std::int32_t* chosen = choices + row * k;
  const float divisor = divisor_of(p, chosen, k, kind, experts, fault);
  for (std::int64_t slot = 0; slot < k && divisor != 0; ++slot) {
    gates[row * k + slot] = p[chosen[slot]] / divisor;
  }
}

// Renormalised, gate_s = p_s / sum p: dp_s = (d_s - sum_t d_t gate_t) / sum p.
__global__ void chosen_gates_backward_kernel(const float* probabilities,
                                             const std::int32_t* choices, Gates kind,
                                             const float* d_gates, float* d_probabilities,
                                             std::int64_t rows, std::int64_t experts,
                                             std::int64_t k, Fault* fault) {
  const std::int64_t row = place();
  if (row >= rows) {
    return;
  }
  const float* p = probabilities + row * experts;
  const std::int32_t* chosen = choices + row * k;
  const float* d = d_gates + row * k;
  float* out = d_probabilities + row * experts;
  const float divisor = divisor_of(p, chosen, k, kind, experts, fault);
  float mean = 0;
  for (std::int64_t slot = 0; slot < k && kind == Gates::kRenormalised && divisor != 0; ++slot) {
    mean += d[slot] * p[chosen[slot]] / divisor;
  }
  for (std::int64_t i = 0; i < experts; ++i) {
    out[i] = 0;
  }
  for (std::int64_t slot = 0; slot < k && divisor != 0; ++slot) {
    out[chosen[slot]] = (d[slot] - mean) / divisor;
  }
}

}  // namespace

void softmax_rows(Stream& stream, const Tensor& logits, const Tensor& probabilities,
                  const Tensor& log_sums) {
  launch(stream, thread_each(logits.rows()), softmax_kernel, data_of<float>(logits),
         data_of<float>(probabilities), data_of<float>(log_sums), logits.rows(), logits.cols());
}

void softmax_rows_backward(Stream& stream, const Tensor& probabilities, const Tensor& log_sums,
                           double z_scale, const Tensor& d_probabilities, const Tensor& d_logits) {
  launch(stream, thread_each(probabilities.rows()), softmax_backward_kernel,
         data_of<float>(probabilities), data_of<float>(log_sums), static_cast<float>(2.0 * z_scale),
         data_of<float>(d_probabilities), data_of<float>(d_logits), probabilities.rows(),
         probabilities.cols());
}

void top_k(Stream& stream, const Tensor& probabilities, const Tensor& choices) {
  launch(stream, thread_each(choices.rows()), top_k_kernel, data_of<float>(probabilities),
         data_of<std::int32_t>(choices), choices.rows(), probabilities.cols(), choices.cols());
}

void chosen_gates(Stream& stream, const Tensor& probabilities, const Tensor& choices, Gates kind,
                  const Tensor& gates) {
  launch(stream, thread_each(choices.rows()), chosen_gates_kernel, data_of<float>(probabilities),
         data_of<std::int32_t>(choices), kind, data_of<float>(gates), choices.rows(),
         probabilities.cols(), choices.cols(), stream.queue().fault());
}

void chosen_gates_backward(Stream& stream, const Tensor& probabilities, const Tensor& choices,
                           Gates kind, const Tensor& d_gates, const Tensor& d_probabilities) {
  launch(stream, thread_each(choices.rows()), chosen_gates_backward_kernel,
         data_of<float>(probabilities), data_of<std::int32_t>(choices), kind,
         data_of<float>(d_gates), data_of<float>(d_probabilities), choices.rows(),
         probabilities.cols(), choices.cols(), stream.queue().fault());
}

}  // namespace bam::cuda
