#include <cmath>

#include "runtime/cpu/kernels.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/vector_math.h"

namespace bam::cpu {
namespace {

// Largest first; of equal ones the lower expert. Experts of NaN are chosen last.
void choose(const float* probabilities, std::int64_t experts, std::int32_t* choices,
            std::int64_t k) {
  for (std::int64_t slot = 0; slot < k; ++slot) {
    std::int32_t best = -1;
    for (std::int32_t expert = 0; expert < experts; ++expert) {
      const bool is_taken = std::find(choices, choices + slot, expert) != choices + slot;
      if (!is_taken && (best < 0 || probabilities[expert] > probabilities[best] ||
                        std::isnan(probabilities[best]))) {
        best = expert;
      }
    }
    choices[slot] = best;
  }
}

float chosen_sum(const float* probabilities, const std::int32_t* choices, std::int64_t k) {
  float sum = 0;
  for (std::int64_t slot = 0; slot < k; ++slot) {
    sum += probabilities[choices[slot]];
  }
  return sum;
}

}  // namespace

void softmax_rows(Stream& stream, const Tensor& logits, const Tensor& probabilities,
                  const Tensor& log_sums) {
  const std::int64_t experts = logits.cols();
  for_chunks(stream, logits.rows(), experts * 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* in = logits.data<float>() + row * experts;
      float* out = probabilities.data<float>() + row * experts;
      const float largest = max_of(in, experts);
      const float sum = exp_row(in, 1.0F, largest, out, experts);
      log_sums.data<float>()[row] = largest + std::log(sum);
#pragma omp simd
      for (std::int64_t i = 0; i < experts; ++i) {
        out[i] /= sum;
      }
    }
  });
}

void softmax_rows_backward(Stream& stream, const Tensor& probabilities, const Tensor& log_sums,
                           double z_scale, const Tensor& d_probabilities, const Tensor& d_logits) {
  const std::int64_t experts = probabilities.cols();
  for_chunks(stream, probabilities.rows(), experts * 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* p = probabilities.data<float>() + row * experts;
      const float* dp = d_probabilities.data<float>() + row * experts;
      float* out = d_logits.data<float>() + row * experts;
      const float from_z = static_cast<float>(2.0 * z_scale) * log_sums.data<float>()[row];
      const float shift = from_z - dot(p, dp, experts);
#pragma omp simd
      for (std::int64_t i = 0; i < experts; ++i) {
        out[i] = p[i] * (dp[i] + shift);
      }
    }
  });
}

void top_k(Stream& stream, const Tensor& probabilities, const Tensor& choices) {
  const std::int64_t experts = probabilities.cols();
  const std::int64_t k = choices.cols();
  for_chunks(stream, choices.rows(), experts * k * 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      choose(probabilities.data<float>() + row * experts, experts,
             choices.data<std::int32_t>() + row * k, k);
    }
  });
}

void chosen_gates(Stream& stream, const Tensor& probabilities, const Tensor& choices, Gates kind,
                  const Tensor& gates) {
  const std::int64_t experts = probabilities.cols();
  const std::int64_t k = choices.cols();
  for_chunks(stream, choices.rows(), k * 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* p = probabilities.data<float>() + row * experts;
      const std::int32_t* chosen = choices.data<std::int32_t>() + row * k;
      const float divisor = kind == Gates::kRenormalised ? chosen_sum(p, chosen, k) : 1.0F;
      for (std::int64_t slot = 0; slot < k; ++slot) {
        gates.data<float>()[row * k + slot] = p[chosen[slot]] / divisor;
      }
    }
  });
}

// Renormalised, gate_s = p_s / sum p: dp_s = (d_s - sum_t d_t gate_t) / sum p.
void chosen_gates_backward(Stream& stream, const Tensor& probabilities, const Tensor& choices,
                           Gates kind, const Tensor& d_gates, const Tensor& d_probabilities) {
  const std::int64_t experts = probabilities.cols();
  const std::int64_t k = choices.cols();
  for_chunks(stream, choices.rows(), experts * 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* p = probabilities.data<float>() + row * experts;
      const std::int32_t* chosen = choices.data<std::int32_t>() + row * k;
      const float* d = d_gates.data<float>() + row * k;
      float* out = d_probabilities.data<float>() + row * experts;
      float divisor = 1;
      float mean = 0;
      if (kind == Gates::kRenormalised) {
        divisor = chosen_sum(p, chosen, k);
        for (std::int64_t slot = 0; slot < k; ++slot) {
          mean += d[slot] * p[chosen[slot]] / divisor;
        }
      }
      std::fill(out, out + experts, 0.0F);
      for (std::int64_t slot = 0; slot < k; ++slot) {
        out[chosen[slot]] = (d[slot] - mean) / divisor;
      }
    }
  });
}

}  // namespace bam::cpu
