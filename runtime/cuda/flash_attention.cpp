#include "runtime/cuda/flash_attention.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string_view>

#include "runtime/check.h"
#include "runtime/cuda/check_cuda.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/documents.h"
#include "runtime/cuda/flash_parts.h"
#include "runtime/cuda/queue.h"

namespace bam::cuda {
namespace {

// The gradients of one sequence's scores; what needs more is left to kernels of our own.
constexpr std::int64_t kMostBytesOfOne = std::int64_t{1} << 30;

bool is_aligned(const Tensor& tensor) {
  return reinterpret_cast<std::uintptr_t>(tensor.raw()) % 16 == 0;
}

bool takes(const AttentionShape& shape, const Tensor& query_rows,
           std::initializer_list<const Tensor*> tensors) {
  return shape.documents != AttentionShape::kNotKnown && shape.keys() > 0 && shape.length > 1 &&
         query_rows.elements() == shape.keys() && shape.head_dim % 16 == 0 &&
         shape.head_dim <= 128 && flash_backward_bytes_of_one(shape) <= kMostBytesOfOne &&
         std::ranges::all_of(tensors, [](const Tensor* tensor) {
           return tensor->dtype() == DType::kBFloat16 && is_aligned(*tensor);
         });
}

// Numbers of the host that plans read while they are started.
struct Scalars {
  explicit Scalars(const AttentionShape& shape)
      : scale(static_cast<float>(1 / std::sqrt(static_cast<double>(shape.head_dim)))) {}

  float scale;
  float unseen = -std::numeric_limits<float>::infinity();
  float one = 1;
};

using Places = std::map<std::int64_t, void*>;
using Matrices = std::vector<std::pair<FlashName, Tensor>>;

// Without documents cuDNN's backward reads what rows have one of head by head.
Tensor log_sums_for_backward(Stream& stream, const AttentionShape& shape, const Tensor& log_sums) {
  if (has_documents(shape)) {
    return log_sums;
  }
  const Tensor turned(stream, log_sums.shape(), DType::kFloat32);
  turn_log_sums(stream, shape, log_sums, turned);
  return turned;
}

// Where the documents of some parts lie, and where those of one begin among them.
class DocumentPlaces {
 public:
  DocumentPlaces(Stream& stream, const AttentionShape& shape, const Tensor& query_rows,
                 const Tensor& document_starts, const std::vector<FlashPart>& parts) {
    if (has_documents(shape)) {
      found_ = find_documents(stream, shape, query_rows, document_starts,
                              parts.back().document + parts.back().shape.sequences);
    } else {
      check_whole_sequences(stream, shape, query_rows, document_starts);
    }
  }

  void add(const FlashPart& part, Places& places) const {
    if (found_) {
      places[kLengths] = found_->lengths.raw() + part.document * sizeof(std::int32_t);
      places[kQueryEdges] = found_->query_edges.raw() + part.document * sizeof(std::int64_t);
      places[kKeyEdges] = found_->key_edges.raw() + part.document * sizeof(std::int64_t);
      places[kRowEdges] = found_->row_edges.raw() + part.document * sizeof(std::int64_t);
    }
  }

 private:
  std::optional<Documents> found_;
};

bool is_turned_off() {
  const char* wish = std::getenv("BAM_CUDNN_ATTENTION");
  return wish != nullptr && std::string_view(wish) == "0";
}

void check_device() {
  int device = 0;
  int major = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  check_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device),
             "cudaDeviceGetAttribute");
  check(major == 9, "a GPU of compute capability ", major, ", not 9");
}

// cuDNN on one GPU's stream, or on none.
class Handle {
 public:
  /// Throws Error where attention is to do without cuDNN.
  Handle() {
    check(!is_turned_off(), "BAM_CUDNN_ATTENTION is 0");
    check_device();
    cudnn_.emplace();
    cudnn_->check_ok(cudnn_->create(&handle_), "cudnnCreate");
  }
  ~Handle() {
    if (handle_ != nullptr) {
      cudnn_->destroy(handle_);
    }
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  const Cudnn& cudnn() const { return *cudnn_; }
  cudnnHandle_t raw() const { return handle_; }

 private:
  std::optional<Cudnn> cudnn_;
  cudnnHandle_t handle_ = nullptr;
};

}  // namespace

std::string obstacle_to_cudnn() {
  try {
    const Handle handle;
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::string refusal_of_cudnn(Stream& stream) { return stream.queue().flash_attention().refusal(); }

void set_deterministic(Stream& stream, bool is_deterministic) {
  stream.queue().flash_attention().set_deterministic(is_deterministic);
}

class FlashAttention::Session {
 public:
  explicit Session(cudaStream_t stream) {
    cudnn().check_ok(cudnn().set_stream(handle_.raw(), stream), "cudnnSetStream");
  }

  /// Why there is no plan for one of them; empty: there is for all.
  std::string obstacle_to(const std::vector<FlashPart>& parts) {
    for (const FlashPart& part : parts) {
      const Planned& planned = planned_for(part.shape);
      if (!planned.plan) {
        return planned.refusal;
      }
    }
    return "";
  }

  // Matrices that are empty have no place in the graph.
  void run(Stream& stream, const AttentionShape& shape, const std::vector<FlashPart>& parts,
           const DocumentPlaces& documents, const Matrices& matrices) {
    Scalars scalars(shape);
    for (const FlashPart& part : parts) {
      Places places = {{kScale, &scalars.scale}, {kUnseen, &scalars.unseen}, {kOne, &scalars.one}};
      for (const auto& [name, matrix] : matrices) {
        if (!matrix.empty()) {
          places[name] = matrix.slice(part.sequence * shape.length, matrix.rows()).raw();
        }
      }
      documents.add(part, places);
      const CudnnPlan& plan = *planned_for(part.shape).plan;
      const auto words = static_cast<std::int64_t>(plan.workspace_bytes() + 3) / 4;
      const Tensor workspace(stream, {words}, DType::kInt32);
      plan.run(cudnn(), handle_.raw(), places, workspace.raw());
    }
  }

 private:
  struct Planned {
    std::optional<CudnnPlan> plan;
    std::string refusal;
  };

  const Cudnn& cudnn() const { return handle_.cudnn(); }

  const Planned& planned_for(const FlashShape& shape) {
    const auto [at, is_new] = planned_.try_emplace(shape);
    if (is_new) {
      try {
        at->second.plan.emplace(
            flash_graph(cudnn(), shape).plan({.handle = handle_.raw(), .described = nullptr}));
      } catch (const Error& error) {
        at->second.refusal = error.what();
      }
    }
    return at->second;
  }

  Handle handle_;
  std::map<FlashShape, Planned> planned_;
};

FlashAttention::FlashAttention(std::int64_t workspace_bytes) : workspace_bytes_(workspace_bytes) {}
FlashAttention::~FlashAttention() = default;

FlashAttention::Session* FlashAttention::session(Stream& stream) {
  if (session_ == nullptr && refusal_.empty()) {
    try {
      session_ = std::make_unique<Session>(stream.queue().handle());
    } catch (const Error& error) {
      refusal_ = error.what();
    }
  }
  return session_.get();
}

std::int64_t FlashAttention::at_once(const AttentionShape& shape) {
  const std::int64_t bytes = flash_backward_bytes_of_one(shape);
  const bool is_limited =
      shape.documents != AttentionShape::kNotKnown && 0 < bytes && bytes <= kMostBytesOfOne;
  return is_limited ? kMostBytesOfOne / bytes : std::numeric_limits<std::int64_t>::max();
}

bool FlashAttention::forward(Stream& stream, const AttentionShape& shape, const Tensor& q,
                             const Tensor& k, const Tensor& v, const Tensor& query_rows,
                             const Tensor& document_starts, const Tensor& out,
                             const Tensor& log_sums) {
  if (!takes(shape, query_rows, {&q, &k, &v, &out}) || session(stream) == nullptr) {
    return false;
  }
  const std::vector<FlashPart> parts = flash_forward_parts(shape);
  refusal_ = session_->obstacle_to(parts);
  if (!refusal_.empty()) {
    return false;
  }
  const DocumentPlaces documents(stream, shape, query_rows, document_starts, parts);
  session_->run(stream, shape, parts, documents,
                {{kQ, q}, {kK, k}, {kV, v}, {kOut, out}, {kLogSums, log_sums}});
  return true;
}

bool FlashAttention::backward(Stream& stream, const AttentionShape& shape, const Tensor& q,
                              const Tensor& k, const Tensor& v, const Tensor& query_rows,
                              const Tensor& document_starts, const Tensor& out,
                              const Tensor& log_sums, const Tensor& d_out, const Tensor& dq,
                              const Tensor& dk, const Tensor& dv) {
  if (!takes(shape, query_rows, {&q, &k, &v, &out, &d_out, &dq, &dk, &dv}) ||
      session(stream) == nullptr) {
    return false;
  }
  const std::vector<FlashPart> parts = is_deterministic_
                                           ? flash_backward_parts(shape, workspace_bytes_)
                                           : flash_backward_parts_in_any_order(shape);
  refusal_ = session_->obstacle_to(parts);
  if (!refusal_.empty()) {
    return false;
  }
  const DocumentPlaces documents(stream, shape, query_rows, document_starts, parts);
  const bool is_shared = has_documents(shape) && shape.heads != shape.kv_heads;
  const Shape of_heads = is_shared ? q.shape() : Shape{0};
  const Shape of_sums = is_deterministic_ ? Shape{0} : q.shape();
  session_->run(stream, shape, parts, documents,
                {{kQ, q},
                 {kK, k},
                 {kV, v},
                 {kOut, out},
                 {kLogSums, log_sums_for_backward(stream, shape, log_sums)},
                 {kDOut, d_out},
                 {kDQ, dq},
                 {kDK, dk},
                 {kDV, dv},
                 {kShifts, Tensor(stream, log_sums.shape(), DType::kFloat32)},
                 {kDKOfHeads, Tensor(stream, of_heads, DType::kFloat32)},
                 {kDVOfHeads, Tensor(stream, of_heads, DType::kFloat32)},
                 {kDQSums, Tensor(stream, of_sums, DType::kFloat32)}});
  return true;
}

}  // namespace bam::cuda
