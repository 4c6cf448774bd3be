#include "runtime/cuda/products.h"

#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <unordered_map>

#include "runtime/cuda/check_cuda.h"
#include "runtime/cuda/kernels.h"
#include "runtime/cuda/library.h"
#include "runtime/cuda/queue.h"

namespace bam::cuda {
namespace {

constexpr std::size_t kWorkspaceBytes = std::size_t{64} << 20;
constexpr std::size_t kMostPlans = 4096;

void check_blas(cublasStatus_t status, const char* what) {
  check(status == CUBLAS_STATUS_SUCCESS, what, ": cuBLAS status ", static_cast<int>(status));
}

// What cuBLASLt brings, by the names of its header.
struct Functions {
  explicit Functions(const Library& library)
      : create(library.function<decltype(cublasLtCreate)>("cublasLtCreate")),
        destroy(library.function<decltype(cublasLtDestroy)>("cublasLtDestroy")),
        layout(library.function<decltype(cublasLtMatrixLayoutInit_internal)>(
            "cublasLtMatrixLayoutInit_internal")),
        description(library.function<decltype(cublasLtMatmulDescInit_internal)>(
            "cublasLtMatmulDescInit_internal")),
        set(library.function<decltype(cublasLtMatmulDescSetAttribute)>(
            "cublasLtMatmulDescSetAttribute")),
        preference(library.function<decltype(cublasLtMatmulPreferenceInit_internal)>(
            "cublasLtMatmulPreferenceInit_internal")),
        set_preference(library.function<decltype(cublasLtMatmulPreferenceSetAttribute)>(
            "cublasLtMatmulPreferenceSetAttribute")),
        heuristic(library.function<decltype(cublasLtMatmulAlgoGetHeuristic)>(
            "cublasLtMatmulAlgoGetHeuristic")),
        check(library.function<decltype(cublasLtMatmulAlgoCheck)>("cublasLtMatmulAlgoCheck")),
        matmul(library.function<decltype(cublasLtMatmul)>("cublasLtMatmul")) {}

  decltype(cublasLtCreate)* create;
  decltype(cublasLtDestroy)* destroy;
  decltype(cublasLtMatrixLayoutInit_internal)* layout;
  decltype(cublasLtMatmulDescInit_internal)* description;
  decltype(cublasLtMatmulDescSetAttribute)* set;
  decltype(cublasLtMatmulPreferenceInit_internal)* preference;
  decltype(cublasLtMatmulPreferenceSetAttribute)* set_preference;
  decltype(cublasLtMatmulAlgoGetHeuristic)* heuristic;
  decltype(cublasLtMatmulAlgoCheck)* check;
  decltype(cublasLtMatmul)* matmul;
};

cudaDataType_t type_of(DType dtype) { return dtype == DType::kBFloat16 ? CUDA_R_16BF : CUDA_R_32F; }

std::uint32_t alignment_of(const void* address) {
  const auto bits = reinterpret_cast<std::uintptr_t>(address);
  return static_cast<std::uint32_t>(std::size_t{1} << std::min(8, std::countr_zero(bits | 256)));
}

// What a product's plan depends on.
using Key = std::array<std::int64_t, 9>;

struct KeyHash {
  std::size_t operator()(const Key& key) const {
    std::uint64_t hash = 0;
    for (const std::int64_t part : key) {
      hash = (hash ^ static_cast<std::uint64_t>(part)) * 0x9e3779b97f4a7c15U;
      hash ^= hash >> 29;
    }
    return hash;
  }
};

// Of b where `rows` stands for a's: as many if they are multiplied with each other.
std::int64_t rows_of_b(const Operand& a, const Operand& b, std::int64_t rows) {
  return a.is_transposed && !b.is_transposed ? rows : b.matrix.rows();
}

// `rows` stands for a's.
Key key_of(const Operand& a, const Operand& b, const Tensor& c, Write write, std::int64_t rows) {
  return {rows,
          a.matrix.cols(),
          rows_of_b(a, b, rows),
          b.matrix.cols(),
          (a.is_transposed ? 1 : 0) | (b.is_transposed ? 2 : 0) | (write == Write::kAdd ? 4 : 0),
          static_cast<std::int64_t>(a.matrix.dtype()) * 4 + static_cast<std::int64_t>(c.dtype()),
          alignment_of(a.matrix.raw()),
          alignment_of(b.matrix.raw()),
          alignment_of(c.raw())};
}

// Rounds up to four significant bits.
std::int64_t rounded(std::int64_t rows) {
  const int bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(rows)));
  const int shift = std::max(0, bits - 4);
  return (rows + (std::int64_t{1} << shift) - 1) >> shift << shift;
}

// Layouts, operation and algorithm of one kind of product. cuBLAS counts columns first, so it sees
// every matrix transposed and computes c^T = b^T a^T.
struct Plan {
  cublasLtMatmulDescOpaque_t operation;
  cublasLtMatrixLayoutOpaque_t left;   // b
  cublasLtMatrixLayoutOpaque_t right;  // a
  cublasLtMatrixLayoutOpaque_t out;
  cublasLtMatmulAlgo_t algorithm;
};

}  // namespace

class Products::CublasLt {
 public:
  CublasLt() : functions_(Library("libcublasLt.so.13")) {
    check_blas(functions_.create(&handle_), "cublasLtCreate");
    check_cuda(cudaMalloc(&workspace_, kWorkspaceBytes), "cuBLAS workspace");
  }
  ~CublasLt() {
    cudaFree(workspace_);
    functions_.destroy(handle_);
  }
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  // c = a b, or addend + a b, which may be c.
  void compute(cudaStream_t stream, const Operand& a, const Operand& b, const Tensor& c,
               Write write, const Tensor& addend) {
    Plan& plan = plan_of(a, b, c, write);
    const float alpha = 1;
    const float beta = write == Write::kAdd ? 1 : 0;
    check_blas(
        functions_.matmul(handle_, &plan.operation, &alpha, b.matrix.raw(), &plan.left,
                          a.matrix.raw(), &plan.right, &beta, addend.raw(), &plan.out, c.raw(),
                          &plan.out, &plan.algorithm, workspace_, kWorkspaceBytes, stream),
        "cublasLtMatmul");
  }

 private:
  Plan& plan_of(const Operand& a, const Operand& b, const Tensor& c, Write write) {
    const Key key = key_of(a, b, c, write, a.matrix.rows());
    const auto found = plans_.find(key);
    if (found != plans_.end()) {
      return found->second;
    }
    if (plans_.size() >= kMostPlans) {
      plans_.clear();
    }
    Plan plan = plan_without_algorithm(a, b, c, a.matrix.rows());
    plan.algorithm = algorithm_of(plan, a, b, c, write);
    return plans_.emplace(key, plan).first->second;
  }

  // Experts' numbers of rows are other ones at every step, and to ask for an algorithm takes longer
  // than a small product: it is asked for once for all numbers that round to the same, of which no
  // result may depend on which came first.
  cublasLtMatmulAlgo_t algorithm_of(const Plan& plan, const Operand& a, const Operand& b,
                                    const Tensor& c, Write write) {
    std::optional<cublasLtMatmulAlgo_t> found;
    if (!(a.is_transposed && b.is_transposed)) {
      const std::int64_t rows = rounded(a.matrix.rows());
      const Key key = key_of(a, b, c, write, rows);
      if (!algorithms_.contains(key)) {
        algorithms_[key] = best_of(plan_without_algorithm(a, b, c, rows), a, b, c);
      }
      found = algorithms_[key];
    }
    if (!found || !serves(*found, plan)) {
      found = best_of(plan, a, b, c);
    }
    check(found.has_value(), "cuBLAS knows no way to multiply ", text_of(a.matrix.shape()), " and ",
          text_of(b.matrix.shape()));
    return *found;
  }

  bool serves(const cublasLtMatmulAlgo_t& algorithm, const Plan& plan) const {
    Plan copy = plan;
    cublasLtMatmulHeuristicResult_t found{};
    return functions_.check(handle_, &copy.operation, &copy.left, &copy.right, &copy.out, &copy.out,
                            &algorithm, &found) == CUBLAS_STATUS_SUCCESS &&
           found.workspaceSize <= kWorkspaceBytes;
  }

  Plan plan_without_algorithm(const Operand& a, const Operand& b, const Tensor& c,
                              std::int64_t rows) const {
    Plan plan{};
    check_blas(functions_.description(&plan.operation, sizeof plan.operation, CUBLAS_COMPUTE_32F,
                                      CUDA_R_32F),
               "cublasLtMatmulDescInit");
    turn(plan.operation, CUBLASLT_MATMUL_DESC_TRANSA, b.is_transposed);
    turn(plan.operation, CUBLASLT_MATMUL_DESC_TRANSB, a.is_transposed);
    lay_out(plan.left, b.matrix, rows_of_b(a, b, rows));
    lay_out(plan.right, a.matrix, rows);
    lay_out(plan.out, c, a.is_transposed ? c.rows() : rows);
    return plan;
  }

  void turn(cublasLtMatmulDescOpaque_t& operation, cublasLtMatmulDescAttributes_t which,
            bool is_transposed) const {
    const cublasOperation_t how = is_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    check_blas(functions_.set(&operation, which, &how, sizeof how), "cublasLtMatmulDescSet");
  }

  void lay_out(cublasLtMatrixLayoutOpaque_t& layout, const Tensor& matrix,
               std::int64_t rows) const {
    check_blas(functions_.layout(&layout, sizeof layout, type_of(matrix.dtype()),
                                 static_cast<std::uint64_t>(matrix.cols()),
                                 static_cast<std::uint64_t>(rows), matrix.cols()),
               "cublasLtMatrixLayoutInit");
  }

  // None: cuBLAS has no algorithm.
  std::optional<cublasLtMatmulAlgo_t> best_of(Plan plan, const Operand& a, const Operand& b,
                                              const Tensor& c) const {
    cublasLtMatmulPreferenceOpaque_t wishes;
    check_blas(functions_.preference(&wishes, sizeof wishes), "cublasLtMatmulPreferenceInit");
    const auto wish = [&](cublasLtMatmulPreferenceAttributes_t which, auto value) {
      check_blas(functions_.set_preference(&wishes, which, &value, sizeof value),
                 "cublasLtMatmulPreferenceSet");
    };
    wish(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{kWorkspaceBytes});
    wish(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(b.matrix.raw()));
    wish(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(a.matrix.raw()));
    wish(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(c.raw()));
    wish(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(c.raw()));
    cublasLtMatmulHeuristicResult_t best{};
    int count = 0;
    const cublasStatus_t status =
        functions_.heuristic(handle_, &plan.operation, &plan.left, &plan.right, &plan.out,
                             &plan.out, &wishes, 1, &best, &count);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED || (status == CUBLAS_STATUS_SUCCESS && count == 0)) {
      return {};
    }
    check_blas(status, "cublasLtMatmulAlgoGetHeuristic");
    check_blas(best.state, "cublasLtMatmulAlgoGetHeuristic");
    return best.algo;
  }

  Functions functions_;
  cublasLtHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
  std::unordered_map<Key, Plan, KeyHash> plans_;
  std::unordered_map<Key, std::optional<cublasLtMatmulAlgo_t>, KeyHash>
      algorithms_;  // of rounded rows
};

Products::Products() = default;
Products::~Products() = default;

// Which is to multiply these.
Products::CublasLt& Products::library(std::initializer_list<const Tensor*> tensors) {
  for (const Tensor* tensor : tensors) {
    check(tensor->device() == DeviceKind::kCuda, "a product of the GPU with a tensor on the host");
  }
  if (library_ == nullptr) {
    library_ = std::make_unique<CublasLt>();
  }
  return *library_;
}

void Products::compute(Stream& stream, const Operand& a, const Operand& b, const Tensor& c,
                       Write write) {
  library({&a.matrix, &b.matrix, &c}).compute(stream.queue().handle(), a, b, c, write, c);
}

void Products::compute_plus(Stream& stream, const Operand& a, const Operand& b,
                            const Tensor& addend, const Tensor& sum) {
  CublasLt& products = library({&a.matrix, &b.matrix, &addend, &sum});
  if (alignment_of(addend.raw()) < alignment_of(sum.raw())) {
    cuda::copy(stream, addend, sum);  // what suits the sum's place may not suit the addend's
    products.compute(stream.queue().handle(), a, b, sum, Write::kAdd, sum);
  } else {
    products.compute(stream.queue().handle(), a, b, sum, Write::kAdd, addend);
  }
}

}  // namespace bam::cuda
