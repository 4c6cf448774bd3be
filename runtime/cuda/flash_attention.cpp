#include "runtime/cuda/flash_attention.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string_view>

#include "runtime/check.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/documents.h"
#include "runtime/cuda/flash_graphs.h"
#include "runtime/cuda/queue.h"

namespace bam::cuda {
namespace {

// What backward may work in; longer sequences are left to kernels of our own.
constexpr std::int64_t kWorkspaceBytes = std::int64_t{1} << 30;
constexpr std::int64_t kMostWorkspaceBytes = std::int64_t{4} << 30;
// Documents of a call of forward: those that are not there cost a little.
constexpr std::int64_t kMostDocuments = 128;

bool is_aligned(const Tensor& tensor) {
  return reinterpret_cast<std::uintptr_t>(tensor.raw()) % 16 == 0;
}

bool takes(const AttentionShape& shape, const Tensor& query_rows,
           std::initializer_list<const Tensor*> tensors) {
  return shape.documents > 0 && query_rows.elements() == shape.keys() && shape.head_dim % 8 == 0 &&
         shape.head_dim <= 128 && std::ranges::all_of(tensors, [](const Tensor* tensor) {
           return tensor->dtype() == DType::kBFloat16 && is_aligned(*tensor);
         });
}

bool has_documents(const AttentionShape& shape) { return shape.documents != shape.sequences; }

// Sequences, or documents, of one call out of so many.
FlashShape shape_of(const AttentionShape& shape, std::int64_t sequences) {
  return {.sequences = sequences,
          .length = shape.length,
          .heads = shape.heads,
          .kv_heads = shape.kv_heads,
          .head_dim = shape.head_dim,
          .is_ragged = has_documents(shape)};
}

// Documents of a call: calls of one size, and few sizes in all.
std::int64_t documents_at_once(const AttentionShape& shape, std::int64_t most) {
  const auto all = std::bit_ceil(static_cast<std::uint64_t>(shape.documents));
  const auto limit = std::bit_floor(static_cast<std::uint64_t>(most));
  return static_cast<std::int64_t>(std::min(all, limit));
}

// What one call computes.
struct Part {
  FlashShape shape;
  std::int64_t sequence;  // its first, where each is one document
  std::int64_t document;  // its first, where not
};

std::vector<Part> parts_of(const AttentionShape& shape, std::int64_t most_documents,
                           std::int64_t most_sequences) {
  std::vector<Part> parts;
  if (has_documents(shape)) {
    const std::int64_t count = documents_at_once(shape, most_documents);
    for (std::int64_t first = 0; first < shape.documents; first += count) {
      parts.push_back({shape_of(shape, count), 0, first});
    }
    return parts;
  }
  for (std::int64_t first = 0; first < shape.sequences; first += most_sequences) {
    parts.push_back({shape_of(shape, std::min(most_sequences, shape.sequences - first)), first, 0});
  }
  return parts;
}

// Numbers that plans read while they are started.
struct Numbers {
  explicit Numbers(const AttentionShape& shape)
      : scale(static_cast<float>(1 / std::sqrt(static_cast<double>(shape.head_dim)))) {}

  float scale;
  float never = -std::numeric_limits<float>::infinity();
  float one = 1;
};

using Places = std::map<std::int64_t, void*>;

// A row of a matrix.
void* at(const Tensor& matrix, std::int64_t row) {
  return matrix.raw() + row * matrix.cols() * static_cast<std::int64_t>(bytes_of(matrix.dtype()));
}

// Where the documents of some parts lie, and where those of one begin among them.
class DocumentPlaces {
 public:
  DocumentPlaces(Stream& stream, const AttentionShape& shape, const Tensor& query_rows,
                 const Tensor& document_starts, const std::vector<Part>& parts) {
    if (has_documents(shape)) {
      found_ = find_documents(stream, shape, query_rows, document_starts,
                              parts.back().document + parts.back().shape.sequences);
    } else {
      check_whole_sequences(stream, shape, query_rows, document_starts);
    }
  }

  void add(const Part& part, Places& places) const {
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

}  // namespace

std::string obstacle_to_cudnn() {
  if (is_turned_off()) {
    return "BAM_CUDNN_ATTENTION is 0";
  }
  try {
    const Cudnn cudnn;
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

class FlashAttention::Session {
 public:
  explicit Session(cudaStream_t stream) {
    cudnn_.check_ok(cudnn_.create(&handle_), "cudnnCreate");
    cudnn_.check_ok(cudnn_.set_stream(handle_, stream), "cudnnSetStream");
  }
  ~Session() {
    plans_.clear();
    cudnn_.destroy(handle_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  bool has_plans(bool is_backward, const std::vector<Part>& parts) {
    return std::ranges::all_of(
        parts, [&](const Part& part) { return plan_of(is_backward, part.shape).has_value(); });
  }

  void run(Stream& stream, bool is_backward, const Part& part, const Places& places) {
    const CudnnPlan& plan = *plan_of(is_backward, part.shape);
    const auto words = static_cast<std::int64_t>(plan.workspace_bytes() + 3) / 4;
    const Tensor workspace(stream, {words}, DType::kInt32);
    plan.run(cudnn_, handle_, places, workspace.raw());
  }

 private:
  // Nothing where cuDNN has no plan for it.
  const std::optional<CudnnPlan>& plan_of(bool is_backward, const FlashShape& shape) {
    const auto [at, is_new] = plans_.try_emplace({is_backward, shape});
    if (is_new) {
      try {
        const auto graph = is_backward ? flash_backward : flash_forward;
        at->second.emplace(graph(cudnn_, shape).plan({.handle = handle_, .described = nullptr}));
      } catch (const Error&) {
        at->second.reset();
      }
    }
    return at->second;
  }

  Cudnn cudnn_;
  cudnnHandle_t handle_ = nullptr;
  std::map<std::pair<bool, FlashShape>, std::optional<CudnnPlan>> plans_;
};

FlashAttention::FlashAttention() : is_missing_(is_turned_off()) {}
FlashAttention::~FlashAttention() = default;

FlashAttention::Session* FlashAttention::session(Stream& stream) {
  if (session_ == nullptr && !is_missing_) {
    try {
      session_ = std::make_unique<Session>(stream.queue().handle());
    } catch (const Error&) {
      is_missing_ = true;
    }
  }
  return session_.get();
}

bool FlashAttention::forward(Stream& stream, const AttentionShape& shape, const Tensor& q,
                             const Tensor& k, const Tensor& v, const Tensor& query_rows,
                             const Tensor& document_starts, const Tensor& out,
                             const Tensor& log_sums) {
  if (!takes(shape, query_rows, {&q, &k, &v, &out}) || session(stream) == nullptr) {
    return false;
  }
  const std::vector<Part> parts = parts_of(shape, kMostDocuments, shape.sequences);
  if (!session_->has_plans(false, parts)) {
    return false;
  }
  Numbers numbers(shape);
  const DocumentPlaces documents(stream, shape, query_rows, document_starts, parts);
  for (const Part& part : parts) {
    const std::int64_t row = part.sequence * shape.length;
    Places places = {{kQ, at(q, row)},
                     {kK, at(k, row)},
                     {kV, at(v, row)},
                     {kOut, at(out, row)},
                     {kLogSums, at(log_sums, row)},
                     {kScale, &numbers.scale},
                     {kNever, &numbers.never}};
    documents.add(part, places);
    session_->run(stream, false, part, places);
  }
  return true;
}

bool FlashAttention::backward(Stream& stream, const AttentionShape& shape, const Tensor& q,
                              const Tensor& k, const Tensor& v, const Tensor& query_rows,
                              const Tensor& document_starts, const Tensor& out,
                              const Tensor& log_sums, const Tensor& d_out, const Tensor& dq,
                              const Tensor& dk, const Tensor& dv) {
  const std::int64_t bytes = flash_backward_bytes(shape_of(shape, 1));
  if (!takes(shape, query_rows, {&q, &k, &v, &out, &d_out, &dq, &dk, &dv}) ||
      bytes > kMostWorkspaceBytes || session(stream) == nullptr) {
    return false;
  }
  const std::int64_t most = std::max<std::int64_t>(1, kWorkspaceBytes / bytes);
  const std::vector<Part> parts = parts_of(shape, most, most);
  if (!session_->has_plans(true, parts)) {
    return false;
  }
  Numbers numbers(shape);
  const DocumentPlaces documents(stream, shape, query_rows, document_starts, parts);
  // Without documents cuDNN reads numbers of rows head by head.
  Tensor sums = log_sums;
  if (!has_documents(shape)) {
    sums = Tensor(stream, log_sums.shape(), DType::kFloat32);
    turn_numbers(stream, shape, log_sums, sums);
  }
  const Tensor shifts(stream, log_sums.shape(), DType::kFloat32);
  const bool is_shared = shape.heads != shape.kv_heads;
  const Shape of_heads = is_shared ? q.shape() : Shape{0};
  const Tensor dk_of_heads(stream, of_heads, q.dtype());
  const Tensor dv_of_heads(stream, of_heads, q.dtype());
  for (const Part& part : parts) {
    const std::int64_t row = part.sequence * shape.length;
    Places places = {
        {kQ, at(q, row)},           {kK, at(k, row)},          {kV, at(v, row)},
        {kOut, at(out, row)},       {kLogSums, at(sums, row)}, {kDOut, at(d_out, row)},
        {kDQ, at(dq, row)},         {kDK, at(dk, row)},        {kDV, at(dv, row)},
        {kShifts, at(shifts, row)}, {kScale, &numbers.scale},  {kNever, &numbers.never},
        {kOne, &numbers.one}};
    if (is_shared) {
      places[kDKOfHeads] = at(dk_of_heads, row);
      places[kDVOfHeads] = at(dv_of_heads, row);
    }
    documents.add(part, places);
    session_->run(stream, true, part, places);
  }
  return true;
}

}  // namespace bam::cuda
