// Stands in for cuBLASLt, as its manual describes it: columns first, plain loops, sums in fp32. It
// refuses what does not fit together, and an algorithm for a product that it was not chosen for.
#include <cublasLt.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "runtime/dtype.h"

namespace {

// A matrix as the product takes it.
struct Matrix {
  const void* elements;
  cublasLtMatrixLayoutOpaque_t layout;
  cublasOperation_t operation = CUBLAS_OP_N;

  std::uint64_t rows() const { return operation == CUBLAS_OP_N ? layout.rows : layout.cols; }
  std::uint64_t cols() const { return operation == CUBLAS_OP_N ? layout.cols : layout.rows; }
  template <class T>
  float at(std::uint64_t row, std::uint64_t col) const {
    const auto stride = static_cast<std::uint64_t>(layout.stride);
    const std::uint64_t place = operation == CUBLAS_OP_N ? row + col * stride : col + row * stride;
    return static_cast<float>(static_cast<const T*>(elements)[place]);
  }
};

bool is_sound(const cublasLtMatrixLayoutOpaque_t& layout) {
  return layout.rows > 0 && layout.cols > 0 &&
         layout.stride >= static_cast<std::int64_t>(layout.rows);
}

// Whether out = op(left) op(right) can be, in shapes and types.
bool fit(const cublasLtMatmulDescOpaque_t& operation, const Matrix& left, const Matrix& right,
         const cublasLtMatrixLayoutOpaque_t& out) {
  return operation.sums == CUBLAS_COMPUTE_32F && operation.scale == CUDA_R_32F &&
         is_sound(left.layout) && is_sound(right.layout) && is_sound(out) &&
         left.rows() == out.rows && right.cols() == out.cols && left.cols() == right.rows() &&
         left.layout.type == right.layout.type &&
         (out.type == CUDA_R_32F || out.type == left.layout.type);
}

bool serves(const cublasLtMatmulAlgo_t& algorithm, const Matrix& left) {
  return !algorithm.needs_even_depth || left.cols() % 2 == 0;
}

// A GPU stops for good where a kernel reads more bytes at once than an address is a multiple of.
void check_aligned(const void* address, std::uint32_t alignment) {
  if (reinterpret_cast<std::uintptr_t>(address) % alignment != 0) {
    throw std::runtime_error("misaligned address");
  }
}

template <class T, class Out>
void multiply(const Matrix& left, const Matrix& right, float beta, const Out* addend, Out* out,
              std::int64_t stride) {
  for (std::uint64_t col = 0; col < right.cols(); ++col) {
    for (std::uint64_t row = 0; row < left.rows(); ++row) {
      float sum = 0;
      for (std::uint64_t k = 0; k < left.cols(); ++k) {
        sum += left.at<T>(row, k) * right.at<T>(k, col);
      }
      const std::uint64_t place = row + col * static_cast<std::uint64_t>(stride);
      out[place] =
          static_cast<Out>(beta == 0 ? sum : beta * static_cast<float>(addend[place]) + sum);
    }
  }
}

template <class T>
void multiply_into(const Matrix& left, const Matrix& right, float beta, const void* addend,
                   void* to, const cublasLtMatrixLayoutOpaque_t& out) {
  if (out.type == CUDA_R_16BF) {
    multiply<T>(left, right, beta, static_cast<const bam::bfloat16*>(addend),
                static_cast<bam::bfloat16*>(to), out.stride);
  } else {
    multiply<T>(left, right, beta, static_cast<const float*>(addend), static_cast<float*>(to),
                out.stride);
  }
}

}  // namespace

struct cublasLtContext {};

static int heuristics = 0;

/// How often an algorithm has been asked for.
extern "C" int fake_cublas_lt_heuristics() { return heuristics; }

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new cublasLtContext();
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t layout, std::size_t size,
                                                 cudaDataType_t type, std::uint64_t rows,
                                                 std::uint64_t cols, std::int64_t stride) {
  *layout = {type, rows, cols, stride};
  return size == sizeof *layout ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t operation, std::size_t size,
                                               cublasComputeType_t sums, cudaDataType_t scale) {
  *operation = {sums, scale, CUBLAS_OP_N, CUBLAS_OP_N};
  return size == sizeof *operation ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t operation,
                                              cublasLtMatmulDescAttributes_t which,
                                              const void* value, std::size_t size) {
  cublasOperation_t& set =
      which == CUBLASLT_MATMUL_DESC_TRANSA ? operation->left : operation->right;
  if (size != sizeof set) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  std::memcpy(&set, value, size);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t wishes,
                                                     std::size_t size) {
  *wishes = {0, {256, 256, 256, 256}};
  return size == sizeof *wishes ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t wishes,
                                                    cublasLtMatmulPreferenceAttributes_t which,
                                                    const void* value, std::size_t size) {
  const bool is_workspace = which == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
  if (size != (is_workspace ? sizeof wishes->workspace : sizeof wishes->alignment[0])) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  void* set = is_workspace ? static_cast<void*>(&wishes->workspace)
                           : &wishes->alignment[which - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES];
  std::memcpy(set, value, size);
  return CUBLAS_STATUS_SUCCESS;
}

// An even depth gets what serves no odd one.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t left,
                                              cublasLtMatrixLayout_t right,
                                              cublasLtMatrixLayout_t in, cublasLtMatrixLayout_t out,
                                              cublasLtMatmulPreference_t wishes, int most,
                                              cublasLtMatmulHeuristicResult_t results[],
                                              int* count) {
  ++heuristics;
  const Matrix a{nullptr, *left, operation->left};
  if (most < 1 || in != out || !fit(*operation, a, {nullptr, *right, operation->right}, *out)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  cublasLtMatmulAlgo_t& algorithm = results[0].algo;
  std::ranges::copy(wishes->alignment, algorithm.alignment);
  algorithm.needs_even_depth = a.cols() % 2 == 0;
  results[0].workspaceSize = wishes->workspace;
  results[0].state = CUBLAS_STATUS_SUCCESS;
  *count = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t, cublasLtMatmulDesc_t operation,
                                       cublasLtMatrixLayout_t left, cublasLtMatrixLayout_t right,
                                       cublasLtMatrixLayout_t, cublasLtMatrixLayout_t out,
                                       const cublasLtMatmulAlgo_t* algorithm,
                                       cublasLtMatmulHeuristicResult_t* result) {
  const Matrix a{nullptr, *left, operation->left};
  if (!fit(*operation, a, {nullptr, *right, operation->right}, *out)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  result->workspaceSize = 0;
  return serves(*algorithm, a) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t operation, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t left, const void* b,
                              cublasLtMatrixLayout_t right, const void* beta, const void* c,
                              cublasLtMatrixLayout_t, void* d, cublasLtMatrixLayout_t out,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              std::size_t workspace_bytes, cudaStream_t stream) {
  const Matrix first{a, *left, operation->left};
  const Matrix second{b, *right, operation->right};
  if (*static_cast<const float*>(alpha) != 1 || workspace == nullptr || workspace_bytes == 0 ||
      !fit(*operation, first, second, *out)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (!serves(*algorithm, first)) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  stream->put([=, kind = *algorithm, scale = *static_cast<const float*>(beta), to = *out] {
    check_aligned(first.elements, kind.alignment[0]);
    check_aligned(second.elements, kind.alignment[1]);
    check_aligned(c, kind.alignment[2]);
    check_aligned(d, kind.alignment[3]);
    const bool is_bf16 = first.layout.type == CUDA_R_16BF;
    (is_bf16 ? multiply_into<bam::bfloat16> : multiply_into<float>)(first, second, scale, c, d, to);
    return true;
  });
  return CUBLAS_STATUS_SUCCESS;
}
