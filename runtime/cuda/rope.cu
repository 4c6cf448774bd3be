#include <algorithm>
#include <limits>

#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

constexpr std::int64_t kMostThreads = 512;

// Turns `kWidth` values of a row, from column i on.
template <class T, int kWidth>
__device__ void rotate(Pack<T, kWidth>& pack, const float* angles, int i, int head_dim,
                       float sign) {
  const auto angle = load<kWidth>(angles + i % head_dim);
  for (int j = 0; j < kWidth; j += 2) {
    const float cosine = angle.at[j];
    const float sine = sign * angle.at[j + 1];
    const float even = widen(pack.at[j]);
    const float odd = widen(pack.at[j + 1]);
    pack.at[j] = rounded<T>(even * cosine - odd * sine);
    pack.at[j + 1] = rounded<T>(even * sine + odd * cosine);
  }
}

// The angles of the block's row; null, and a fault, where its position is none.
__device__ inline const float* angles_of(const std::int32_t* positions, const float* table,
                                         int head_dim, std::int64_t table_rows, Fault* fault) {
  const std::int32_t position = positions[blockIdx.x];
  return is_below(position, table_rows, Fault::kPosition, fault)
             ? table + static_cast<std::int64_t>(position) * head_dim
             : nullptr;
}

// One block a row; kPairs pairs move as one. Places in a row fit 32 bits, whose remainders cost a
// GPU a fifth of what those of 64 do.
template <class T, int kPairs>
__global__ void rope_kernel(T* x, const std::int32_t* positions, const float* table, float sign,
                            int cols, int head_dim, std::int64_t table_rows, Fault* fault) {
  const float* angles = angles_of(positions, table, head_dim, table_rows, fault);
  if (angles == nullptr) {
    return;
  }
  constexpr int kWidth = 2 * kPairs;
  T* values = x + static_cast<std::int64_t>(blockIdx.x) * cols;
  for (int i = static_cast<int>(threadIdx.x) * kWidth; i < cols;
       i += static_cast<int>(blockDim.x) * kWidth) {
    auto pack = load<kWidth>(values + i);
    rotate(pack, angles, i, head_dim, sign);
    store(pack, values + i);
  }
}

template <class T>
struct Parts {
  T* q;
  T* k;
  T* v;
  int q_cols;
  int kv_cols;

  // Where column i of packed row `row` lies.
  __device__ T* at(std::int64_t row, int i) const {
    if (i < q_cols) {
      return q + row * q_cols + i;
    }
    const int past = i - q_cols;
    return past < kv_cols ? k + row * kv_cols + past : v + row * kv_cols + past - kv_cols;
  }
};

// The same between packed rows and their parts.
template <class T, int kPairs, bool kUnpacks>
__global__ void rope_parts_kernel(T* packed, Parts<T> parts, const std::int32_t* positions,
                                  const float* table, int head_dim, std::int64_t table_rows,
                                  Fault* fault) {
  const float* angles = angles_of(positions, table, head_dim, table_rows, fault);
  if (angles == nullptr) {
    return;
  }
  constexpr int kWidth = 2 * kPairs;
  const std::int64_t row = blockIdx.x;
  const int rotated = parts.q_cols + parts.kv_cols;
  const int cols = rotated + parts.kv_cols;
  for (int i = static_cast<int>(threadIdx.x) * kWidth; i < cols;
       i += static_cast<int>(blockDim.x) * kWidth) {
    T* wide = packed + row * cols + i;
    T* own = parts.at(row, i);
    auto pack = load<kWidth>(kUnpacks ? wide : own);
    if (i < rotated) {
      rotate(pack, angles, i, head_dim, kUnpacks ? 1.0F : -1.0F);
    }
    store(pack, kUnpacks ? own : wide);
  }
}

// A block for each row, a thread for each of its packs.
Grid block_a_row(const Tensor& rows, std::int64_t width) {
  const std::int64_t packs = std::clamp<std::int64_t>(rows.cols() / width, kWarp, kMostThreads);
  return {.blocks = {static_cast<unsigned>(rows.rows())},
          .threads = {static_cast<unsigned>(packs)}};
}

template <class T, int kPairs>
void run(Stream& stream, const Tensor& x, const Tensor& positions, const Tensor& table,
         float sign) {
  launch(stream, block_a_row(x, 2 * kPairs), rope_kernel<T, kPairs>, data_of<T>(x),
         data_of<std::int32_t>(positions), data_of<float>(table), sign, static_cast<int>(x.cols()),
         static_cast<int>(table.cols()), table.rows(), stream.queue().fault());
}

template <bool kUnpacks>
void move_parts(Stream& stream, const Tensor& qkv, const Tensor& q, const Tensor& k,
                const Tensor& v, const Tensor& positions, const Tensor& table) {
  check(qkv.cols() <= std::numeric_limits<int>::max() / 2, "rope of rows of ", qkv.cols());
  with_float_type(qkv.dtype(), [&]<class T>(T) {
    const Parts<T> parts{data_of<T>(q), data_of<T>(k), data_of<T>(v), static_cast<int>(q.cols()),
                         static_cast<int>(k.cols())};
    const auto run = [&]<int kPairs>(std::integral_constant<int, kPairs>) {
      launch(stream, block_a_row(qkv, 2 * kPairs), rope_parts_kernel<T, kPairs, kUnpacks>,
             data_of<T>(qkv), parts, data_of<std::int32_t>(positions), data_of<float>(table),
             static_cast<int>(table.cols()), table.rows(), stream.queue().fault());
    };
    if (begin_in_packs(8, table.cols(), {&qkv, &q, &k, &v, &table})) {
      run(std::integral_constant<int, 4>{});
    } else {
      run(std::integral_constant<int, 1>{});
    }
  });
}

}  // namespace

void rope_unpack(Stream& stream, const Tensor& qkv, const Tensor& positions, const Tensor& table,
                 const Tensor& q, const Tensor& k, const Tensor& v) {
  move_parts<true>(stream, qkv, q, k, v, positions, table);
}

void rope_pack(Stream& stream, const Tensor& dq, const Tensor& dk, const Tensor& dv,
               const Tensor& positions, const Tensor& table, const Tensor& d_qkv) {
  move_parts<false>(stream, d_qkv, dq, dk, dv, positions, table);
}

void rope(Stream& stream, const Tensor& x, const Tensor& positions, const Tensor& table,
          Rotation rotation) {
  const float sign = rotation == Rotation::kForward ? 1.0F : -1.0F;
  check(x.cols() <= std::numeric_limits<int>::max() / 2, "rope of rows of ", x.cols());
  with_float_type(x.dtype(), [&]<class T>(T) {
    if (begin_in_packs(8, table.cols(), {&x, &table})) {
      run<T, 4>(stream, x, positions, table, sign);
    } else {
      run<T, 1>(stream, x, positions, table, sign);
    }
  });
}

}  // namespace bam::cuda
