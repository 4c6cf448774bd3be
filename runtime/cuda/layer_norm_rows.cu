#include <algorithm>

#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/layer_norm_rows.h"
#include "runtime/cuda/part_sums.h"

namespace bam::cuda {
namespace {

constexpr int kWide = 4;
// Backward a thread of three packs takes some 110 registers: of 65,536, enough for 512 threads.
constexpr int kMostPacks = 3;
constexpr unsigned kMostThreads = 512;

// A thread's packs of a row: those that begin at column (threadIdx.x + k blockDim.x) kWide, k <
// kPacks.
template <class T, int kPacks>
struct RowPart {
  Pack<T, kWide> at[kPacks];
};

__device__ inline int col_of(int k) {
  return static_cast<int>((threadIdx.x + static_cast<unsigned>(k) * blockDim.x) * kWide);
}

// Zeros past the row's end.
template <int kPacks, class T>
__device__ RowPart<T, kPacks> read_part(const T* row, int d) {
  RowPart<T, kPacks> part;
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    part.at[k] = col_of(k) < d ? load<kWide>(row + col_of(k)) : Pack<T, kWide>{};
  }
  return part;
}

template <int kPacks, class T>
__device__ void write_part(const RowPart<T, kPacks>& part, T* row, int d) {
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    if (col_of(k) < d) {
      store(part.at[k], row + col_of(k));
    }
  }
}

template <int kPacks>
__device__ RowPart<bfloat16, kPacks> rounded_part(const RowPart<float, kPacks>& part) {
  RowPart<bfloat16, kPacks> out;
#pragma unroll
  for (int k = 0; k < kPacks; ++k) {
    for (int j = 0; j < kWide; ++j) {
      out.at[k].at[j] = rounded<bfloat16>(part.at[k].at[j]);
    }
  }
  return out;
}

// Every thread gets the block's sums, the same bits. Calls take turns, 0 and 1: what one left in
// shared memory has been read once all have come to the barrier of the next.
template <int kCount>
__device__ Pack<float, kCount> block_sums(Pack<float, kCount> own, unsigned turn) {
  __shared__ float parts[2][kWarp][kCount];
  const unsigned lane = threadIdx.x % kWarp;
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    own.at[i] = warp_reduce(own.at[i], Sum());
    if (lane == 0) {
      parts[turn][threadIdx.x / kWarp][i] = own.at[i];
    }
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    own.at[i] = warp_reduce(lane < blockDim.x / kWarp ? parts[turn][lane][i] : 0.0F, Sum());
  }
  return own;
}

// A block's rows.
struct Walk {
  std::int64_t begin;
  std::int64_t end;

  __device__ Walk(std::int64_t rows, std::int64_t block_rows)
      : begin(blockIdx.x * block_rows),
        end(begin + block_rows < rows ? begin + block_rows : rows) {}
};

template <class T, int kPacks>
__global__ void __launch_bounds__(kMostThreads)
    norm_rows_kernel(const float* x, const float* weight, float epsilon, T* h, float* statistics,
                     std::int64_t rows, std::int64_t block_rows, int d) {
  const Walk walk(rows, block_rows);
  const auto factors = read_part<kPacks>(weight, d);
  auto next = read_part<kPacks>(x + walk.begin * d, d);
  for (std::int64_t row = walk.begin; row < walk.end; ++row) {
    const auto in = next;
    if (row + 1 < walk.end) {
      next = read_part<kPacks>(x + (row + 1) * d, d);
    }
    Pack<float, 1> sum = {};
    Pack<float, 1> squares = {};
#pragma unroll
    for (int k = 0; k < kPacks; ++k) {
      for (int j = 0; j < kWide; ++j) {
        sum.at[0] += in.at[k].at[j];
      }
    }
    const float mean = block_sums(sum, 0).at[0] / static_cast<float>(d);
#pragma unroll
    for (int k = 0; k < kPacks; ++k) {
      for (int j = 0; j < kWide; ++j) {
        const float deviation = col_of(k) < d ? in.at[k].at[j] - mean : 0.0F;
        squares.at[0] += deviation * deviation;
      }
    }
    const float variance = block_sums(squares, 1).at[0] / static_cast<float>(d);
    const float inverse = 1.0F / sqrtf(variance + epsilon);
    RowPart<T, kPacks> out;
#pragma unroll
    for (int k = 0; k < kPacks; ++k) {
      for (int j = 0; j < kWide; ++j) {
        out.at[k].at[j] = rounded<T>((in.at[k].at[j] - mean) * inverse * factors.at[k].at[j]);
      }
    }
    write_part(out, h + row * d, d);
    if (threadIdx.x == 0) {
      statistics[row * 2] = mean;
      statistics[row * 2 + 1] = inverse;
    }
  }
}

// What backward reads of a row ahead of its turn.
template <class T, int kPacks>
struct Ahead {
  RowPart<float, kPacks> x;
  RowPart<T, kPacks> dh;
  float mean;
  float inverse;
};

template <class T, int kPacks>
__device__ Ahead<T, kPacks> read_ahead(const float* x, const T* dh, const float* statistics,
                                       std::int64_t row, int d) {
  return {read_part<kPacks>(x + row * d, d), read_part<kPacks>(dh + row * d, d),
          statistics[row * 2], statistics[row * 2 + 1]};
}

// With y = (x - mean) r and g = dh weight: dx += r (g - mean(g) - y mean(g y)). The weight's
// gradient of the block's rows goes to the block's row of `sums`, and dx once more to `low`; either
// is null where it is not wanted.
template <class T, int kPacks>
__global__ void __launch_bounds__(kMostThreads)
    gradient_rows_kernel(const float* x, const float* weight, const float* statistics, const T* dh,
                         float* dx, float* sums, bfloat16* low, std::int64_t rows,
                         std::int64_t block_rows, int d) {
  const Walk walk(rows, block_rows);
  const auto factors = read_part<kPacks>(weight, d);
  RowPart<float, kPacks> weight_gradient = {};
  auto next = read_ahead<T, kPacks>(x, dh, statistics, walk.begin, d);
  for (std::int64_t row = walk.begin; row < walk.end; ++row) {
    auto out = read_part<kPacks>(dx + row * d, d);
    const float inverse = next.inverse;
    RowPart<float, kPacks> y;
    RowPart<float, kPacks> g;
    Pack<float, 2> own = {};  // of g and of g y
#pragma unroll
    for (int k = 0; k < kPacks; ++k) {
      for (int j = 0; j < kWide; ++j) {
        const float slope = widen(next.dh.at[k].at[j]);
        y.at[k].at[j] = (next.x.at[k].at[j] - next.mean) * inverse;
        g.at[k].at[j] = slope * factors.at[k].at[j];
        weight_gradient.at[k].at[j] += slope * y.at[k].at[j];
        own.at[0] += g.at[k].at[j];
        own.at[1] += g.at[k].at[j] * y.at[k].at[j];
      }
    }
    if (row + 1 < walk.end) {
      next = read_ahead<T, kPacks>(x, dh, statistics, row + 1, d);
    }
    const auto total = block_sums(own, row % 2);
    const float mean_g = total.at[0] / static_cast<float>(d);
    const float mean_gy = total.at[1] / static_cast<float>(d);
#pragma unroll
    for (int k = 0; k < kPacks; ++k) {
      for (int j = 0; j < kWide; ++j) {
        out.at[k].at[j] += inverse * (g.at[k].at[j] - mean_g - y.at[k].at[j] * mean_gy);
      }
    }
    write_part(out, dx + row * d, d);
    if (low != nullptr) {
      write_part(rounded_part(out), low + row * d, d);
    }
  }
  if (sums != nullptr) {
    write_part(weight_gradient, sums + static_cast<std::int64_t>(blockIdx.x) * d, d);
  }
}

// How rows are shared out. It follows from their number and size alone, and with it the order in
// which the weight's gradient is added up.
struct Plan {
  int packs;  // a thread's
  unsigned threads;
  std::int64_t block_rows;
  unsigned blocks;
};

// A multiprocessor is to have blocks for this many packs of rows, so that enough reads are under
// way, but no block so few rows that nothing can be read ahead.
constexpr std::int64_t kProcessors = 132;  // of an H100 and an H200
constexpr std::int64_t kForwardPacks = 2400;
constexpr std::int64_t kBackwardPacks = 1100;
constexpr std::int64_t kLeastRows = 4;

Plan plan_of(std::int64_t rows, std::int64_t d, std::int64_t packs_at_once) {
  const std::int64_t packs = d / kWide;
  const int own = packs <= 256 ? 1 : packs <= 512 ? 2 : kMostPacks;
  const unsigned threads = blocks_for(packs, own * kWarp) * kWarp;
  const std::int64_t on_one = std::clamp<std::int64_t>(packs_at_once / packs, 2, 16);
  const std::int64_t block_rows =
      std::max<std::int64_t>(kLeastRows, blocks_for(rows, kProcessors * on_one));
  return {own, threads, block_rows, blocks_for(rows, block_rows)};
}

// body(integral_constant of a thread's packs).
template <class Body>
void with_packs(const Plan& plan, Body&& body) {
  switch (plan.packs) {
    case 1:
      return body(std::integral_constant<int, 1>{});
    case 2:
      return body(std::integral_constant<int, 2>{});
    default:
      return body(std::integral_constant<int, kMostPacks>{});
  }
}

}  // namespace

bool fits_in_registers(std::int64_t cols, std::initializer_list<const Tensor*> tensors) {
  return cols <= std::int64_t{kMostThreads} * kMostPacks * kWide &&
         begin_in_packs(kWide, cols, tensors);
}

void layer_norm_rows(Stream& stream, const Tensor& x, const Tensor& weight, double epsilon,
                     const Tensor& h, const Tensor& statistics) {
  const Plan plan = plan_of(x.rows(), x.cols(), kForwardPacks);
  with_float_type(h.dtype(), [&]<class T>(T) {
    with_packs(plan, [&]<int kPacks>(std::integral_constant<int, kPacks>) {
      launch(stream, {.blocks = {plan.blocks}, .threads = {plan.threads}},
             norm_rows_kernel<T, kPacks>, data_of<float>(x), data_of<float>(weight),
             static_cast<float>(epsilon), data_of<T>(h), data_of<float>(statistics), x.rows(),
             plan.block_rows, x.cols());
    });
  });
}

void layer_norm_rows_backward(Stream& stream, const Tensor& x, const Tensor& weight,
                              const Tensor& statistics, const Tensor& dh, const Tensor& dx,
                              const Tensor& weight_gradient, const Tensor& low) {
  const Plan plan = plan_of(x.rows(), x.cols(), kBackwardPacks);
  const Tensor sums =
      weight_gradient.empty() ? Tensor() : Tensor(stream, {plan.blocks, x.cols()}, DType::kFloat32);
  bfloat16* const once_more = low.empty() ? nullptr : data_of<bfloat16>(low);
  with_float_type(dh.dtype(), [&]<class T>(T) {
    with_packs(plan, [&]<int kPacks>(std::integral_constant<int, kPacks>) {
      launch(stream, {.blocks = {plan.blocks}, .threads = {plan.threads}},
             gradient_rows_kernel<T, kPacks>, data_of<float>(x), data_of<float>(weight),
             data_of<float>(statistics), data_of<T>(dh), data_of<float>(dx), data_of<float>(sums),
             once_more, x.rows(), plan.block_rows, x.cols());
    });
  });
  if (!weight_gradient.empty()) {
    add_part_sums(stream, sums, weight_gradient);
  }
}

}  // namespace bam::cuda
