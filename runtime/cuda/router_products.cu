// Products with a few experts' weights: rows are read once, the weights by all from the L1 cache.
#include <algorithm>

#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"
#include "runtime/cuda/part_sums.h"

namespace bam::cuda {
namespace {

// Rows that a warp (logits) or a thread (input gradient) takes together: one read of a weight
// serves them all.
constexpr int kRows = 4;
constexpr unsigned kLogitThreads = 128;

// Elements that a thread reads as one, and experts whose sums it holds at once.
template <int kWidth, int kGroup>
struct Tile {};

// body(Tile) for rows that can be read in such a width.
template <class Body>
void with_tile(int width, std::int64_t experts, Body&& body) {
  if (width == 1) {
    body(Tile<1, 4>{});
  } else if (experts <= 4) {
    body(Tile<4, 4>{});
  } else if (experts <= 8) {
    body(Tile<4, 8>{});
  } else {
    body(Tile<4, 16>{});
  }
}

__device__ inline std::int64_t below(std::int64_t i, std::int64_t end) {
  return i < end ? i : end - 1;
}

// Lane i gets the warp's sum of values[i % kCount]: lanes hand on half of what they hold, then half
// of that. kCount is a power of 2; the values are used up.
template <int kCount>
__device__ float warp_sums(float (&values)[kCount]) {
#pragma unroll
  for (int step = 0; step < 5; ++step) {
    const int distance = 1 << step;
    const bool takes_odd = (threadIdx.x & distance) != 0;
    const int kept = kCount >> (step + 1);
#pragma unroll
    for (int i = 0; i < kept; ++i) {
      const float given = takes_odd ? values[2 * i] : values[2 * i + 1];
      const float own = takes_odd ? values[2 * i + 1] : values[2 * i];
      values[i] = own + __shfl_xor_sync(kAllLanes, given, distance);
    }
    if (kept == 0) {
      values[0] += __shfl_xor_sync(kAllLanes, values[0], distance);
    }
  }
  return values[0];
}

// A warp: kRows rows times kGroup experts; past the last row or expert it computes the last once
// more and writes nothing. Blocks are numbered by group within rows, so that a group's neighbours
// find the rows in the L2 cache.
template <class T, int kWidth, int kGroup>
__global__ void __launch_bounds__(kLogitThreads)
    logits_kernel(const T* h, const float* weight, float* logits, std::int64_t rows,
                  std::int64_t experts, std::int64_t d, unsigned groups) {
  const std::int64_t warp = blockIdx.x / groups * (kLogitThreads / kWarp) + threadIdx.x / kWarp;
  const std::int64_t first_row = warp * kRows;
  const std::int64_t first_expert = static_cast<std::int64_t>(blockIdx.x % groups) * kGroup;
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  if (first_row >= rows) {
    return;
  }
  float sums[kRows * kGroup] = {};
  // More sums than 4 experts' leave no registers for reading ahead.
#pragma unroll(kGroup == 4 ? 2 : 1)
  for (std::int64_t i = lane * kWidth; i < d; i += kWarp * kWidth) {
    Pack<T, kWidth> in[kRows];
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      in[r] = load<kWidth>(h + below(first_row + r, rows) * d + i);
    }
#pragma unroll
    for (int e = 0; e < kGroup; ++e) {
      const auto factor = load<kWidth>(weight + below(first_expert + e, experts) * d + i);
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        for (int j = 0; j < kWidth; ++j) {
          sums[r * kGroup + e] += widen(in[r].at[j]) * factor.at[j];
        }
      }
    }
  }
  constexpr int kAtOnce = kRows * kGroup < kWarp ? kRows * kGroup : kWarp;
#pragma unroll
  for (int first = 0; first < kRows * kGroup; first += kAtOnce) {
    float part[kAtOnce];
    for (int i = 0; i < kAtOnce; ++i) {
      part[i] = sums[first + i];
    }
    const float sum = warp_sums(part);
    const std::int64_t row = first_row + (first + lane) / kGroup;
    const std::int64_t expert = first_expert + (first + lane) % kGroup;
    if (lane < kAtOnce && row < rows && expert < experts) {
      logits[row * experts + expert] = sum;
    }
  }
}

// A thread: kRows rows, one pack of columns, kGroup experts after kGroup. Blocks are numbered by
// tile of columns within rows.
template <int kWidth, int kGroup>
__global__ void __launch_bounds__(kThreads)
    input_gradient_kernel(const float* d_logits, const float* weight, float* dh, std::int64_t rows,
                          std::int64_t experts, std::int64_t d, unsigned tiles) {
  const std::int64_t first_row =
      (static_cast<std::int64_t>(blockIdx.x / tiles) * (kThreads / kWarp) + threadIdx.y) * kRows;
  const std::int64_t col = (blockIdx.x % tiles * kWarp + threadIdx.x) * std::int64_t{kWidth};
  if (first_row >= rows || col >= d) {
    return;
  }
  Pack<float, kWidth> out[kRows];
  Pack<float, kWidth> sums[kRows] = {};
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    out[r] = load<kWidth>(dh + below(first_row + r, rows) * d + col);
  }
  for (std::int64_t expert = 0; expert < experts; expert += kGroup) {
    Pack<float, kWidth> factors[kGroup];
#pragma unroll
    for (int e = 0; e < kGroup; ++e) {
      factors[e] = load<kWidth>(weight + (expert + e) * d + col);
    }
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      const auto slopes = load<kGroup>(d_logits + below(first_row + r, rows) * experts + expert);
#pragma unroll
      for (int e = 0; e < kGroup; ++e) {
        for (int j = 0; j < kWidth; ++j) {
          sums[r].at[j] += slopes.at[e] * factors[e].at[j];
        }
      }
    }
  }
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    for (int j = 0; j < kWidth; ++j) {
      out[r].at[j] += sums[r].at[j];
    }
    if (first_row + r < rows) {
      store(out[r], dh + (first_row + r) * d + col);
    }
  }
}

// The first stage of the weight's gradient.
constexpr unsigned kPartThreads = 64;
constexpr int kChunk = 32;                       // rows whose d_logits are in shared memory at once
constexpr std::int64_t kPartsThreads = 1 << 17;  // of a grid: enough to keep a GPU's memory busy

// Blocks (columns, group of experts, part of the rows). A thread sums a pack of columns for a group
// of experts over the part's rows.
template <class T, int kWidth, int kGroup>
__global__ void __launch_bounds__(kPartThreads)
    weight_parts_kernel(const float* d_logits, const T* h, float* sums, std::int64_t part_rows,
                        std::int64_t rows, std::int64_t experts, std::int64_t d) {
  __shared__ Pack<float, 4> slopes[kChunk][kGroup / 4];
  const std::int64_t col = place() * kWidth;
  const std::int64_t first_expert = static_cast<std::int64_t>(blockIdx.y) * kGroup;
  const std::int64_t begin = blockIdx.z * part_rows;
  const std::int64_t end = begin + part_rows < rows ? begin + part_rows : rows;
  Pack<float, kWidth> own[kGroup] = {};
  for (std::int64_t first = begin; first < end; first += kChunk) {
    __syncthreads();  // the chunk before has been read
    for (int i = static_cast<int>(threadIdx.x); i < kChunk * kGroup; i += kPartThreads) {
      const std::int64_t row = first + i / kGroup;
      const std::int64_t expert = first_expert + i % kGroup;
      slopes[i / kGroup][i % kGroup / 4].at[i % 4] =
          row < end && expert < experts ? d_logits[row * experts + expert] : 0.0F;
    }
    __syncthreads();
    const int count = static_cast<int>(end - first < kChunk ? end - first : kChunk);
#pragma unroll 8
    for (int r = 0; r < (col < d ? count : 0); ++r) {
      const auto in = load<kWidth>(h + (first + r) * d + col);
#pragma unroll
      for (int e = 0; e < kGroup; ++e) {
        for (int j = 0; j < kWidth; ++j) {
          own[e].at[j] += slopes[r][e / 4].at[e % 4] * widen(in.at[j]);
        }
      }
    }
  }
#pragma unroll
  for (int e = 0; e < kGroup; ++e) {
    if (col < d && first_expert + e < experts) {
      store(own[e], sums + (blockIdx.z * experts + first_expert + e) * d + col);
    }
  }
}

// Rows of a part: as few as it takes to have kPartsThreads, but no fewer than a chunk.
std::int64_t rows_of_part(std::int64_t rows, std::int64_t threads_a_part) {
  const std::int64_t enough = rows * threads_a_part / kPartsThreads;
  return std::max<std::int64_t>(1, (enough + kChunk - 1) / kChunk) * kChunk;
}

template <class T, int kWidth, int kGroup>
void add_weight_gradient(Stream& stream, const Tensor& d_logits, const Tensor& h,
                         const Tensor& weight_gradient) {
  const std::int64_t experts = d_logits.cols();
  const std::int64_t packs = h.cols() / kWidth;
  const unsigned groups = blocks_for(experts, kGroup);
  const std::int64_t part_rows = rows_of_part(h.rows(), packs * groups);
  const unsigned parts = blocks_for(h.rows(), part_rows);
  const Tensor sums(stream, {parts, experts * h.cols()}, DType::kFloat32);
  launch(stream,
         {.blocks = {blocks_for(packs, kPartThreads), groups, parts}, .threads = {kPartThreads}},
         weight_parts_kernel<T, kWidth, kGroup>, data_of<float>(d_logits), data_of<T>(h),
         data_of<float>(sums), part_rows, h.rows(), experts, h.cols());
  add_part_sums(stream, sums, weight_gradient);
}

}  // namespace

void router_logits(Stream& stream, const Tensor& h, const Tensor& weight, const Tensor& logits) {
  const std::int64_t experts = weight.rows();
  const int width = width_of(h.cols(), {&h, &weight});
  with_float_type(h.dtype(), [&]<class T>(T) {
    with_tile(width, experts, [&]<int kWidth, int kGroup>(Tile<kWidth, kGroup>) {
      const unsigned groups = blocks_for(experts, kGroup);
      const unsigned blocks = blocks_for(h.rows(), kLogitThreads / kWarp * kRows);
      launch(stream, {.blocks = {blocks * groups}, .threads = {kLogitThreads}},
             logits_kernel<T, kWidth, kGroup>, data_of<T>(h), data_of<float>(weight),
             data_of<float>(logits), h.rows(), experts, h.cols(), groups);
    });
  });
}

void router_input_gradient(Stream& stream, const Tensor& d_logits, const Tensor& weight,
                           const Tensor& dh) {
  const std::int64_t d = dh.cols();
  const int group = width_of(d_logits.cols(), {&d_logits});
  with_width(width_of(d, {&weight, &dh}), [&]<int kWidth>(std::integral_constant<int, kWidth>) {
    with_width(group, [&]<int kGroup>(std::integral_constant<int, kGroup>) {
      constexpr unsigned kWarps = kThreads / kWarp;
      const unsigned tiles = blocks_for(d, kWarp * kWidth);
      const unsigned blocks = blocks_for(dh.rows(), kWarps * kRows);
      launch(stream, {.blocks = {blocks * tiles}, .threads = {kWarp, kWarps}},
             input_gradient_kernel<kWidth, kGroup>, data_of<float>(d_logits),
             data_of<float>(weight), data_of<float>(dh), dh.rows(), d_logits.cols(), d, tiles);
    });
  });
}

void router_weight_gradient(Stream& stream, const Tensor& d_logits, const Tensor& h,
                            const Tensor& weight_gradient) {
  const int width = width_of(h.cols(), {&h});
  with_float_type(h.dtype(), [&]<class T>(T) {
    with_tile(width, d_logits.cols(), [&]<int kWidth, int kGroup>(Tile<kWidth, kGroup>) {
      add_weight_gradient<T, kWidth, kGroup>(stream, d_logits, h, weight_gradient);
    });
  });
}

}  // namespace bam::cuda
