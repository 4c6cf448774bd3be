#include "runtime/cuda/grouped_products.h"

#include <cublas_v2.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "runtime/check.h"
#include "runtime/cuda/check_cuda.h"
#include "runtime/cuda/library.h"
#include "runtime/cuda/queue.h"

namespace bam::cuda {
namespace {

// Its own, as graphs that cuBLAS's products are recorded in go on using what they began with.
constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;
constexpr std::int64_t kLargest = std::numeric_limits<int>::max();

cudaDataType_t type_of(DType dtype) { return dtype == DType::kBFloat16 ? CUDA_R_16BF : CUDA_R_32F; }

cublasOperation_t operation_of(const Operand& operand) {
  return operand.is_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
}

std::int64_t depth_of(const Operand& a) {
  return a.is_transposed ? a.matrix.rows() : a.matrix.cols();
}

// It sees the addresses on the GPU alone, and chooses kernels that read so many bytes at once.
bool is_aligned(const Tensor& matrix) {
  return reinterpret_cast<std::uintptr_t>(matrix.raw()) % 16 == 0;
}

// What cuBLAS takes in one call.
bool are_alike(std::span<const Product> products) {
  const DType dtype = products.front().a.matrix.dtype();
  return std::ranges::all_of(products, [&](const Product& product) {
    return product.a.matrix.dtype() == dtype && product.c.dtype() == dtype &&
           is_aligned(product.a.matrix) && is_aligned(product.b.matrix) && is_aligned(product.c) &&
           std::max({product.c.rows(), product.c.cols(), depth_of(product.a)}) <= kLargest;
  });
}

// The arguments, a group for each product. cuBLAS counts columns first, so it sees every matrix
// transposed and computes c^T = b^T a^T.
struct Groups {
  explicit Groups(std::span<const Product> products) {
    for (const auto& [a, b, c] : products) {
      left_operations.push_back(operation_of(b));
      right_operations.push_back(operation_of(a));
      rows.push_back(static_cast<int>(c.cols()));
      cols.push_back(static_cast<int>(c.rows()));
      depths.push_back(static_cast<int>(depth_of(a)));
      left_strides.push_back(static_cast<int>(b.matrix.cols()));
      right_strides.push_back(static_cast<int>(a.matrix.cols()));
      out_strides.push_back(static_cast<int>(c.cols()));
      sizes.push_back(1);
    }
    add_addresses(products, [](const Product& product) { return product.b.matrix; });
    add_addresses(products, [](const Product& product) { return product.a.matrix; });
    add_addresses(products, [](const Product& product) { return product.c; });
  }

  template <class MatrixOf>
  void add_addresses(std::span<const Product> products, MatrixOf matrix_of) {
    for (const Product& product : products) {
      addresses.push_back(matrix_of(product).raw());
    }
  }

  std::vector<cublasOperation_t> left_operations, right_operations;
  std::vector<int> rows, cols, depths, left_strides, right_strides, out_strides, sizes;
  std::vector<void*> addresses;  // all on the left, all on the right, all results
};

}  // namespace

class GroupedProducts::Cublas {
 public:
  /// Throws Error where the library, or a function of it, is missing.
  Cublas()
      : library_("libcublas.so.13"),
        create_(library_.function<decltype(cublasCreate_v2)>("cublasCreate_v2")),
        destroy_(library_.function<decltype(cublasDestroy_v2)>("cublasDestroy_v2")),
        set_stream_(library_.function<decltype(cublasSetStream_v2)>("cublasSetStream_v2")),
        set_workspace_(library_.function<decltype(cublasSetWorkspace_v2)>("cublasSetWorkspace_v2")),
        multiply_(
            library_.function<decltype(cublasGemmGroupedBatchedEx)>("cublasGemmGroupedBatchedEx")) {
  }
  ~Cublas() {
    if (handle_ != nullptr) {
      destroy_(handle_);
    }
    cudaFree(workspace_);
  }
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;

  void start(cudaStream_t stream) {
    check(create_(&handle_) == CUBLAS_STATUS_SUCCESS, "cublasCreate failed");
    check(set_stream_(handle_, stream) == CUBLAS_STATUS_SUCCESS, "cublasSetStream failed");
    check_cuda(cudaMalloc(&workspace_, kWorkspaceBytes), "cuBLAS workspace");
    check(set_workspace_(handle_, workspace_, kWorkspaceBytes) == CUBLAS_STATUS_SUCCESS,
          "cublasSetWorkspace failed");
  }

  bool compute(Stream& stream, std::span<const Product> products, Write write) {
    const Groups groups(products);
    const auto count = static_cast<int>(products.size());
    const std::vector<float> alpha(products.size(), 1.0F);
    const std::vector<float> beta(products.size(), write == Write::kAdd ? 1.0F : 0.0F);
    const cudaDataType_t type = type_of(products.front().c.dtype());
    const Tensor addresses = on_device(stream, groups.addresses);
    auto** left = reinterpret_cast<void**>(addresses.raw());
    auto** right = left + count;
    auto** out = right + count;
    const cublasStatus_t status = multiply_(
        handle_, groups.left_operations.data(), groups.right_operations.data(), groups.rows.data(),
        groups.cols.data(), groups.depths.data(), alpha.data(), left, type,
        groups.left_strides.data(), right, type, groups.right_strides.data(), beta.data(), out,
        type, groups.out_strides.data(), count, groups.sizes.data(), CUBLAS_COMPUTE_32F);
    check(status == CUBLAS_STATUS_SUCCESS || status == CUBLAS_STATUS_NOT_SUPPORTED,
          "cublasGemmGroupedBatchedEx: cuBLAS status ", static_cast<int>(status));
    return status == CUBLAS_STATUS_SUCCESS;
  }

 private:
  static Tensor on_device(Stream& stream, const std::vector<void*>& addresses) {
    Tensor words(stream, {2 * std::ssize(addresses)}, DType::kInt32);
    stream.queue().copy_in(std::as_bytes(std::span(addresses)), words.raw());
    return words;
  }

  Library library_;
  decltype(cublasCreate_v2)* create_;
  decltype(cublasDestroy_v2)* destroy_;
  decltype(cublasSetStream_v2)* set_stream_;
  decltype(cublasSetWorkspace_v2)* set_workspace_;
  decltype(cublasGemmGroupedBatchedEx)* multiply_;
  cublasHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
};

GroupedProducts::GroupedProducts() = default;
GroupedProducts::~GroupedProducts() = default;

bool GroupedProducts::compute(Stream& stream, std::span<const Product> products, Write write) {
  if (is_missing_ || products.empty() || !are_alike(products)) {
    return false;
  }
  if (library_ == nullptr) {
    try {
      library_ = std::make_unique<Cublas>();
    } catch (const Error&) {
      is_missing_ = true;  // cuBLASLt alone will do
      return false;
    }
    library_->start(stream.queue().handle());
  }
  return library_->compute(stream, products, write);
}

}  // namespace bam::cuda
