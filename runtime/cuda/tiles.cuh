#pragma once

// Tiles of attention in shared memory, and a warp's products of them: bf16 on the tensor cores,
// fp32 in fp32. Both leave their sums in the lanes that the tensor cores leave them in (PTX ISA,
// "Matrix fragments for mma.m16n8k16"), so that what follows is the same code.

#include "runtime/cuda/async_copy.cuh"
#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/matrix.cuh"
#include "runtime/cuda/shared.cuh"

namespace bam::cuda {

inline constexpr int kTileRows = 64;  // queries or keys of a tile
inline constexpr int kTileWarps = 4;  // each has 16 rows of one
inline constexpr unsigned kTileThreads = kTileWarps * kWarp;
inline constexpr int kWarpRows = 16;

/// Elements from a shared row of `cols` to the next: 16 bytes apart from a multiple of 128, so that
/// eight rows lie in different banks.
template <class T>
__host__ __device__ constexpr int stride_of(int cols) {
  return cols + 16 / static_cast<int>(sizeof(T));
}

template <class T>
__host__ __device__ constexpr int tile_bytes(int cols) {
  return kTileRows * stride_of<T>(cols) * static_cast<int>(sizeof(T));
}

/// A warp's sums (16, kCols): element i of part j is row lane / 4 + 8 (i / 2), column
/// 8 j + 2 (lane % 4) + i % 2.
template <int kCols>
struct Sums {
  float at[kCols / 8][4];

  __device__ void clear() {
    for (auto& part : at) {
      for (float& value : part) {
        value = 0;
      }
    }
  }
};

__device__ inline int sum_row(int i) {
  return static_cast<int>(threadIdx.x) % kWarp / 4 + 8 * (i / 2);
}
__device__ inline int sum_col(int j, int i) {
  return 8 * j + 2 * (static_cast<int>(threadIdx.x) % 4) + i % 2;
}

/// A warp's 16 rows of a tile as the left side of products: bf16 in the lanes, as the tensor cores
/// take them, read once; fp32 where they are.
template <class T, int kDepth>
struct LeftRows;

template <int kDepth>
struct LeftRows<bfloat16, kDepth> {
  unsigned at[kDepth / 16][4];

  __device__ explicit LeftRows(const bfloat16* rows) {
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
    for (int k = 0; k < kDepth; k += 16) {
      load_matrices(at[k / 16], rows + lane % 16 * stride_of<bfloat16>(kDepth) + k + lane / 16 * 8);
    }
  }
};

template <int kDepth>
struct LeftRows<float, kDepth> {
  const float* at;

  __device__ explicit LeftRows(const float* rows) : at(rows) {}
};

__device__ inline unsigned rounded_pair(float low, float high) {
  return rounded<bfloat16>(low).bits | static_cast<unsigned>(rounded<bfloat16>(high).bits) << 16;
}

/// A warp's sums, rounded, as the left side of a product. bf16: the lanes that have them are those
/// that the tensor cores want them in; fp32: by way of the warp's `rows` of a tile.
template <class T>
struct LeftSums;

template <>
struct LeftSums<bfloat16> {
  static constexpr int kTileElements = 8;  // none is needed

  unsigned at[kTileRows / 16][4];

  __device__ LeftSums(const Sums<kTileRows>& sums, bfloat16* /*rows*/) {
#pragma unroll
    for (int k = 0; k < kTileRows / 16; ++k) {
#pragma unroll
      for (int part = 0; part < 4; ++part) {
        const float(&from)[4] = sums.at[2 * k + part / 2];
        at[k][part] = rounded_pair(from[part % 2 * 2], from[part % 2 * 2 + 1]);
      }
    }
  }
};

template <>
struct LeftSums<float> {
  static constexpr int kTileElements = kTileRows * stride_of<float>(kTileRows);

  const float* at;

  __device__ LeftSums(const Sums<kTileRows>& sums, float* rows) : at(rows) {
    __syncwarp();  // the rows' sums before have been read
#pragma unroll
    for (int j = 0; j < kTileRows / 8; ++j) {
      for (int i = 0; i < 4; ++i) {
        rows[sum_row(i) * stride_of<float>(kTileRows) + sum_col(j, i)] = sums.at[j][i];
      }
    }
    __syncwarp();
  }
};

/// sums (16, kCols) += a (16, kDepth) b^T; b (kCols, kDepth), rows of a tile.
template <int kCols, int kDepth>
__device__ void multiply_turned(Sums<kCols>& sums, const LeftRows<bfloat16, kDepth>& a,
                                const bfloat16* b) {
  constexpr int kStride = stride_of<bfloat16>(kDepth);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int k = 0; k < kDepth; k += 16) {
#pragma unroll
    for (int n = 0; n < kCols; n += 16) {
      unsigned right[4];
      load_matrices(right, b + (n + lane % 8 + lane / 16 * 8) * kStride + k + lane / 8 % 2 * 8);
      multiply_add(sums.at[n / 8], a.at[k / 16], right[0], right[1]);
      multiply_add(sums.at[n / 8 + 1], a.at[k / 16], right[2], right[3]);
    }
  }
}

template <int kCols, int kDepth>
__device__ void multiply_turned(Sums<kCols>& sums, const LeftRows<float, kDepth>& a,
                                const float* b) {
  constexpr int kStride = stride_of<float>(kDepth);
#pragma unroll 4
  for (int k = 0; k < kDepth; ++k) {
    const float upper = a.at[sum_row(0) * kStride + k];
    const float lower = a.at[sum_row(2) * kStride + k];
#pragma unroll
    for (int j = 0; j < kCols / 8; ++j) {
      const float first = b[sum_col(j, 0) * kStride + k];
      const float second = b[sum_col(j, 1) * kStride + k];
      sums.at[j][0] += upper * first;
      sums.at[j][1] += upper * second;
      sums.at[j][2] += lower * first;
      sums.at[j][3] += lower * second;
    }
  }
}

/// sums (16, kCols) += a (16, kTileRows) b; b (kTileRows, kCols), rows of a tile.
template <int kCols>
__device__ void multiply(Sums<kCols>& sums, const LeftSums<bfloat16>& a, const bfloat16* b) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int k = 0; k < kTileRows; k += 16) {
#pragma unroll
    for (int n = 0; n < kCols; n += 16) {
      unsigned right[4];
      load_matrices_turned(right,
                           b + (k + lane % 16) * stride_of<bfloat16>(kCols) + n + lane / 16 * 8);
      multiply_add(sums.at[n / 8], a.at[k / 16], right[0], right[1]);
      multiply_add(sums.at[n / 8 + 1], a.at[k / 16], right[2], right[3]);
    }
  }
}

template <int kCols>
__device__ void multiply(Sums<kCols>& sums, const LeftSums<float>& a, const float* b) {
  constexpr int kStride = stride_of<float>(kTileRows);
#pragma unroll 4
  for (int k = 0; k < kTileRows; ++k) {
    const float upper = a.at[sum_row(0) * kStride + k];
    const float lower = a.at[sum_row(2) * kStride + k];
#pragma unroll
    for (int j = 0; j < kCols / 8; ++j) {
      const auto pair = load<2>(b + k * stride_of<float>(kCols) + sum_col(j, 0));
      sums.at[j][0] += upper * pair.at[0];
      sums.at[j][1] += upper * pair.at[1];
      sums.at[j][2] += lower * pair.at[0];
      sums.at[j][3] += lower * pair.at[1];
    }
  }
}

/// Rows [0, rows) and columns [0, cols) of a matrix into a tile, zero around them: there once
/// wait_for_copies has returned in every thread. `is_wide`: rows begin at multiples of 16 bytes and
/// cols are as many.
template <int kCols, class T>
__device__ void start_tile(T* tile, const T* from, std::int64_t from_stride, int rows, int cols,
                           bool is_wide) {
  constexpr int kWide = 16 / static_cast<int>(sizeof(T));
  if (is_wide) {
    for (int i = static_cast<int>(threadIdx.x); i < kTileRows * kCols / kWide; i += kTileThreads) {
      const int row = i / (kCols / kWide);
      const int col = i % (kCols / kWide) * kWide;
      const bool is_there = row < rows && col < cols;
      start_copy(tile + row * stride_of<T>(kCols) + col,
                 is_there ? from + row * from_stride + col : from, is_there);
    }
    return;
  }
  for (int i = static_cast<int>(threadIdx.x); i < kTileRows * kCols; i += kTileThreads) {
    const int row = i / kCols;
    const int col = i % kCols;
    tile[row * stride_of<T>(kCols) + col] =
        row < rows && col < cols ? from[row * from_stride + col] : T{};
  }
}

/// A warp's sums into its rows of a matrix, rounded: rows [0, rows), columns [0, cols).
template <int kCols, class T>
__device__ void store_sums(const Sums<kCols>& sums, T* to, std::int64_t to_stride, int rows,
                           int cols) {
#pragma unroll
  for (int j = 0; j < kCols / 8; ++j) {
    for (int i = 0; i < 4; ++i) {
      if (sum_row(i) < rows && sum_col(j, i) < cols) {
        to[sum_row(i) * to_stride + sum_col(j, i)] = rounded<T>(sums.at[j][i]);
      }
    }
  }
}

}  // namespace bam::cuda
