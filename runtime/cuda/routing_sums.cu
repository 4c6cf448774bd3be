#include <algorithm>
#include <vector>

#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

// One thread a token, one block a part. sums (parts, 2 * experts + 2): of each expert the gates and
// the slots chosen, then entropy and squared log sums.
__global__ void routing_sums_kernel(const float* probabilities, const float* log_sums,
                                    const std::int32_t* choices, std::int64_t k,
                                    std::int64_t experts, std::int64_t begin, std::int64_t end,
                                    double* sums) {
  const std::int64_t token = begin + place();
  const bool is_here = token < end;
  double* to = sums + blockIdx.x * (2 * experts + 2);
  double entropy = 0;
  for (std::int64_t expert = 0; expert < experts; ++expert) {
    const float p = is_here ? probabilities[token * experts + expert] : 0.0F;
    double chosen = 0;
    for (std::int64_t slot = 0; is_here && slot < k; ++slot) {
      chosen += choices[token * k + slot] == expert ? 1 : 0;
    }
    entropy -= p > 0 ? static_cast<double>(p * logf(p)) : 0.0;
    const double gates = block_sum(static_cast<double>(p));
    if (threadIdx.x == 0) {
      to[expert] = gates;
    }
    chosen = block_sum(chosen);
    if (threadIdx.x == 0) {
      to[experts + expert] = chosen;
    }
  }
  const double log_sum = is_here ? log_sums[token] : 0.0F;
  entropy = block_sum(entropy);
  if (threadIdx.x == 0) {
    to[2 * experts] = entropy;
  }
  const double squares = block_sum(log_sum * log_sum);
  if (threadIdx.x == 0) {
    to[2 * experts + 1] = squares;
  }
}

}  // namespace

// Waits for the sums.
RoutingSums routing_sums(Stream& stream, const Tensor& probabilities, const Tensor& log_sums,
                         const Tensor& choices, std::int64_t begin, std::int64_t end) {
  const auto experts = static_cast<std::size_t>(probabilities.cols());
  const std::size_t width = 2 * experts + 2;
  RoutingSums total{.chosen = std::vector<double>(experts),
                    .gates = std::vector<double>(experts),
                    .tokens = static_cast<double>(end - begin)};
  const unsigned parts = blocks_for(end - begin, kThreads);
  std::vector<double> found(parts * width);
  const Tensor sums(stream, {static_cast<std::int64_t>(2 * found.size())}, DType::kInt32);
  launch(stream, {.blocks = {parts}}, routing_sums_kernel, data_of<float>(probabilities),
         data_of<float>(log_sums), choices.empty() ? nullptr : data_of<std::int32_t>(choices),
         choices.empty() ? 0 : choices.cols(), probabilities.cols(), begin, end,
         reinterpret_cast<double*>(sums.raw()));
  stream.queue().copy_out(sums.raw(), std::as_writable_bytes(std::span(found)));
  for (std::size_t part = 0; part < found.size(); part += width) {
    for (std::size_t expert = 0; expert < experts; ++expert) {
      total.gates[expert] += found[part + expert];
      total.chosen[expert] += found[part + experts + expert];
    }
    total.entropy += found[part + 2 * experts];
    total.squared_log_sum += found[part + 2 * experts + 1];
  }
  return total;
}

}  // namespace bam::cuda
