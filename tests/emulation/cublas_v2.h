#pragma once

// What the project uses of cuBLAS; tests/emulation/cublas.cpp computes it.

#include <cuda_runtime.h>

enum cublasStatus_t {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_INVALID_VALUE = 7,
  CUBLAS_STATUS_NOT_SUPPORTED = 15
};
enum cublasOperation_t { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 };
enum cudaDataType_t { CUDA_R_32F = 0, CUDA_R_16BF = 14 };
enum cublasComputeType_t { CUBLAS_COMPUTE_32F = 68 };
struct cublasContext;
using cublasHandle_t = cublasContext*;

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle);
cublasStatus_t cublasDestroy_v2(cublasHandle_t handle);
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream);
cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, std::size_t bytes);
cublasStatus_t cublasGemmGroupedBatchedEx(
    cublasHandle_t handle, const cublasOperation_t left_operations[],
    const cublasOperation_t right_operations[], const int rows[], const int cols[],
    const int depths[], const void* alpha, const void* const left[], cudaDataType_t left_type,
    const int left_strides[], const void* const right[], cudaDataType_t right_type,
    const int right_strides[], const void* beta, void* const out[], cudaDataType_t out_type,
    const int out_strides[], int groups, const int group_sizes[], cublasComputeType_t sums);

}  // extern "C"
