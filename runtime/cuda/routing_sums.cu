#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

// What a router decided about the tokens of one span after another.
struct Routing {
  const float* probabilities;   // (n, experts)
  const float* log_sums;        // (n)
  const std::int32_t* choices;  // (n, k)
  std::int64_t k;
  std::int64_t experts;
  std::int64_t length;  // of a span
  std::int64_t parts;   // of a span, a block each
  std::int64_t pairs;

  __device__ std::int64_t sums() const { return 2 * experts + 2; }
};

// One thread a token. sums (spans, parts, 2 * experts + 2): of each expert the slots chosen, then
// the gates, then entropy and squared log sums.
__global__ void part_sums_kernel(Routing routing, double* sums, Fault* fault) {
  const std::int64_t experts = routing.experts;
  const std::int64_t span = blockIdx.x / routing.parts;
  const std::int64_t place_in_span =
      static_cast<std::int64_t>(blockIdx.x) % routing.parts * blockDim.x + threadIdx.x;
  const std::int64_t token = span * routing.length + place_in_span;
  const bool is_here = place_in_span < routing.length;
  double* to = sums + blockIdx.x * routing.sums();
  for (std::int64_t slot = 0; is_here && slot < routing.k; ++slot) {
    is_below(routing.choices[token * routing.k + slot], experts, Fault::kExpert, fault);
  }
  double entropy = 0;
  for (std::int64_t expert = 0; expert < experts; ++expert) {
    const float p = is_here ? routing.probabilities[token * experts + expert] : 0.0F;
    double chosen = 0;
    for (std::int64_t slot = 0; is_here && slot < routing.k; ++slot) {
      chosen += routing.choices[token * routing.k + slot] == expert ? 1 : 0;
    }
    entropy -= p > 0 ? static_cast<double>(p * logf(p)) : 0.0;
    chosen = block_sum(chosen);
    if (threadIdx.x == 0) {
      to[expert] = chosen;
    }
    const double gates = block_sum(static_cast<double>(p));
    if (threadIdx.x == 0) {
      to[experts + expert] = gates;
    }
  }
  const double log_sum = is_here ? routing.log_sums[token] : 0.0F;
  entropy = block_sum(entropy);
  if (threadIdx.x == 0) {
    to[2 * experts] = entropy;
  }
  const double squares = block_sum(log_sum * log_sum);
  if (threadIdx.x == 0) {
    to[2 * experts + 1] = squares;
  }
}

// One thread a token. counts (spans, pairs), in no order: they are whole numbers.
__global__ void count_pairs_kernel(Routing routing, std::int64_t tokens, int* counts,
                                   Fault* fault) {
  const std::int64_t token = place();
  if (token >= tokens) {
    return;
  }
  const std::int32_t* chosen = routing.choices + token * routing.k;
  int* here = counts + token / routing.length * routing.pairs;
  for (std::int64_t slot = 0; slot < routing.k; ++slot) {
    for (std::int64_t other = slot + 1; other < routing.k; ++other) {
      const int low = chosen[slot] < chosen[other] ? chosen[slot] : chosen[other];
      const int high = chosen[slot] < chosen[other] ? chosen[other] : chosen[slot];
      if (low < high && is_below(low, routing.experts, Fault::kExpert, fault) &&
          is_below(high, routing.experts, Fault::kExpert, fault)) {
        atomicAdd(here + low * (2 * routing.experts - low - 1) / 2 + high - low - 1, 1);
      }
    }
  }
}

// One thread a number of a span: the parts' sums, in order, and counts as doubles.
__global__ void gather_numbers_kernel(Routing routing, std::int64_t spans, const double* sums,
                                      const int* counts, double* numbers) {
  const std::int64_t width = routing.sums() + routing.pairs;
  const std::int64_t span = place() / width;
  const std::int64_t number = place() % width;
  if (span >= spans) {
    return;
  }
  double total = 0;
  if (number >= routing.sums()) {
    total = counts[span * routing.pairs + number - routing.sums()];
  } else {
    for (std::int64_t part = span * routing.parts; part < (span + 1) * routing.parts; ++part) {
      total += sums[part * routing.sums() + number];
    }
  }
  numbers[span * width + number] = total;
}

}  // namespace

void routing_numbers(Stream& stream, const Tensor& probabilities, const Tensor& log_sums,
                     const Tensor& choices, std::int64_t pairs, const Tensor& numbers) {
  const std::int64_t spans = numbers.rows();
  const std::int64_t length = probabilities.rows() / spans;
  const std::int64_t parts = blocks_for(length, kThreads);
  const Routing routing{.probabilities = data_of<float>(probabilities),
                        .log_sums = data_of<float>(log_sums),
                        .choices = choices.empty() ? nullptr : data_of<std::int32_t>(choices),
                        .k = choices.empty() ? 0 : choices.cols(),
                        .experts = probabilities.cols(),
                        .length = length,
                        .parts = parts,
                        .pairs = pairs};
  const Tensor sums(stream, {spans * parts, 2 * (2 * routing.experts + 2)}, DType::kInt32);
  const Tensor counts(stream, {spans, pairs}, DType::kInt32);
  launch(stream, {.blocks = {static_cast<unsigned>(spans * parts)}}, part_sums_kernel, routing,
         reinterpret_cast<double*>(sums.raw()), stream.queue().fault());
  if (pairs > 0) {
    cuda::fill_zero(stream, counts);
    launch(stream, thread_each(probabilities.rows()), count_pairs_kernel, routing,
           probabilities.rows(), data_of<std::int32_t>(counts), stream.queue().fault());
  }
  launch(stream, thread_each(numbers.elements() / 2), gather_numbers_kernel, routing, spans,
         reinterpret_cast<const double*>(sums.raw()),
         pairs > 0 ? data_of<std::int32_t>(counts) : nullptr,
         reinterpret_cast<double*>(numbers.raw()));
}

}  // namespace bam::cuda
