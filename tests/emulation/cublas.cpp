// Stands in for cuBLAS, as its manual describes it: columns first, plain loops, sums in fp32.
#include <cublas_v2.h>

#include <stdexcept>

#include "runtime/dtype.h"

namespace {

// Element (row, col) of a matrix whose columns are `stride` apart, or of its transpose.
template <class T>
float element(const void* matrix, cublasOperation_t operation, int stride, int row, int col) {
  const auto place = operation == CUBLAS_OP_N ? row + std::int64_t{col} * stride
                                              : col + std::int64_t{row} * stride;
  return static_cast<float>(static_cast<const T*>(matrix)[place]);
}

struct Matrix {
  const void* elements;
  cublasOperation_t operation;
  int stride;
};

// Kernels read 16 bytes at once; where that cannot be, a GPU stops for good.
void check_aligned(const void* address) {
  if (reinterpret_cast<std::uintptr_t>(address) % 16 != 0) {
    throw std::runtime_error("misaligned address");
  }
}

template <class T>
void multiply(const Matrix& left, const Matrix& right, int rows, int cols, int depth, float alpha,
              float beta, void* out, int out_stride) {
  check_aligned(left.elements);
  check_aligned(right.elements);
  check_aligned(out);
  auto* to = static_cast<T*>(out);
  for (int col = 0; col < cols; ++col) {
    for (int row = 0; row < rows; ++row) {
      float sum = 0;
      for (int k = 0; k < depth; ++k) {
        sum += element<T>(left.elements, left.operation, left.stride, row, k) *
               element<T>(right.elements, right.operation, right.stride, k, col);
      }
      T& place = to[row + std::int64_t{col} * out_stride];
      const float before = beta == 0 ? 0.0F : beta * static_cast<float>(place);
      place = static_cast<T>(alpha * sum + before);
    }
  }
}

}  // namespace

struct cublasContext {
  cudaStream_t stream = nullptr;
};

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  *handle = new cublasContext();
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t, void*, std::size_t) {
  return CUBLAS_STATUS_SUCCESS;
}

// The host's arrays are read at once, those of addresses in the stream's order.
cublasStatus_t cublasGemmGroupedBatchedEx(
    cublasHandle_t handle, const cublasOperation_t left_operations[],
    const cublasOperation_t right_operations[], const int rows[], const int cols[],
    const int depths[], const void* alpha, const void* const left[], cudaDataType_t left_type,
    const int left_strides[], const void* const right[], cudaDataType_t right_type,
    const int right_strides[], const void* beta, void* const out[], cudaDataType_t out_type,
    const int out_strides[], int groups, const int group_sizes[], cublasComputeType_t) {
  if (left_type != right_type || left_type != out_type) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  const auto compute = out_type == CUDA_R_16BF ? multiply<bam::bfloat16> : multiply<float>;
  std::size_t product = 0;
  for (int g = 0; g < groups; ++g) {
    for (int i = 0; i < group_sizes[g]; ++i, ++product) {
      handle->stream->put(
          [=, left_operation = left_operations[g], right_operation = right_operations[g],
           m = rows[g], n = cols[g], k = depths[g], left_stride = left_strides[g],
           right_stride = right_strides[g], out_stride = out_strides[g],
           a = static_cast<const float*>(alpha)[g], b = static_cast<const float*>(beta)[g]] {
            compute({left[product], left_operation, left_stride},
                    {right[product], right_operation, right_stride}, m, n, k, a, b, out[product],
                    out_stride);
            return true;
          });
    }
  }
  return CUBLAS_STATUS_SUCCESS;
}
