#pragma once

#include <array>
#include <map>
#include <span>
#include <vector>

#include "runtime/cuda/cudnn.h"

namespace bam::cuda {

/// For whom a graph is made into a plan: the GPU of a handle, or one that is described and need not
/// be there (a CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR).
struct CudnnTarget {
  cudnnHandle_t handle = nullptr;
  const CudnnObject* described = nullptr;
};

/// What cuDNN made of a graph.
class CudnnPlan {
 public:
  /// `names` of the graph's tensors that have a place.
  CudnnPlan(CudnnObject engine, CudnnObject plan, std::vector<std::int64_t> names)
      : engine_(std::move(engine)), plan_(std::move(plan)), names_(std::move(names)) {}

  std::size_t workspace_bytes() const {
    return static_cast<std::size_t>(plan_.number(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
  }
  /// Starts it on the handle's stream. `tensors`: where each tensor of the graph lies, by its
  /// name, and perhaps others; numbers lie on the host, and are read at once.
  void run(const Cudnn& cudnn, cudnnHandle_t handle, const std::map<std::int64_t, void*>& tensors,
           void* workspace) const;

 private:
  CudnnObject engine_;  // which the plan may refer to
  CudnnObject plan_;
  std::vector<std::int64_t> names_;
};

/// Operations on tensors of four dimensions that cuDNN is to compute as one, without writing what
/// lies between them. Made once and turned into a plan.
///
///     OperationGraph graph(cudnn);
///     const auto a = graph.tensor(1, {.sizes = ..., .strides = ...}, CUDNN_DATA_BFLOAT16);
///     const auto product = graph.between(sizes);
///     graph.multiply(a, b, product);
///     const CudnnPlan plan = graph.plan(target);
class OperationGraph {
 public:
  using Sizes = std::array<std::int64_t, 4>;
  using Tensor = std::size_t;  // its place among the graph's

  struct Layout {
    Sizes sizes;
    Sizes strides;
  };
  /// How many rows and columns of a product's matrices count, each (batch, 1, 1, 1) int32.
  struct Extents {
    Tensor rows, cols, depth;
  };
  static constexpr Tensor kNone = static_cast<Tensor>(-1);

  explicit OperationGraph(const Cudnn& cudnn) : cudnn_(cudnn) {}

  /// A tensor in memory; `name` is what plans know it by, less than kUnnamed. `offsets`: where each
  /// of the batch begins, in elements, (batch + 1, 1, 1, 1), instead of at a stride.
  Tensor tensor(std::int64_t name, const Layout& layout, cudnnDataType_t type,
                Tensor offsets = kNone);
  /// A fp32 number of the host's.
  Tensor number(std::int64_t name);
  /// A tensor that is never written.
  Tensor between(const Layout& layout, cudnnDataType_t type, Tensor offsets = kNone);

  /// out = a b, of the last two dimensions; extents.depth and others may be kNone.
  void multiply(Tensor a, Tensor b, Tensor out, const Extents& extents);
  /// out = mode(x, y), element by element; of y, dimensions of size 1 are repeated.
  void pointwise(cudnnPointwiseMode_t mode, cudnnDataType_t precision, Tensor x, Tensor y,
                 Tensor out);
  /// out = where ? x : y.
  void select(Tensor x, Tensor y, Tensor where, Tensor out);
  /// out = each element's place along `axis`, int32.
  void place(Tensor x, std::int64_t axis, Tensor out);
  /// out = x reduced over those dimensions in which out has size 1, or less than x.
  void reduce(cudnnReduceTensorOp_t how, Tensor x, Tensor out);
  /// out = x seen with other sizes and strides, or another type.
  void reshape(Tensor x, Tensor out);

  /// Has engines serve too of which cuDNN notes that they do not give the same bits every time. Not
  /// all that do not are noted: the graph's form has to see to it.
  void allow_any_order() { any_order_ = true; }

  /// Throws Error with cuDNN's own words where it has no engine for such a graph.
  CudnnPlan plan(const CudnnTarget& target) const;

 private:
  static constexpr std::int64_t kUnnamed = 1000;

  Tensor add(std::int64_t name, const Layout& layout, cudnnDataType_t type, bool is_between,
             bool is_number, Tensor offsets);
  CudnnObject operation(cudnnBackendDescriptorType_t type) const { return {cudnn_, type}; }
  CudnnObject pointwise_operation(cudnnPointwiseMode_t mode, cudnnDataType_t precision,
                                  std::int64_t axis, Tensor x, Tensor out);
  void add(CudnnObject operation, const char* what);
  CudnnObject finished(const CudnnTarget& target) const;
  std::vector<CudnnObject> engines(const CudnnObject& graph, const CudnnTarget& target) const;
  bool is_deterministic(const CudnnObject& engine) const;
  CudnnObject plan_with(const CudnnObject& engine, const CudnnTarget& target) const;

  const Cudnn& cudnn_;
  bool any_order_ = false;
  std::vector<CudnnObject> tensors_;
  std::vector<std::int64_t> names_;        // of those that have a place
  std::vector<CudnnObject> descriptions_;  // of operations; they are referred to
  std::vector<CudnnObject> operations_;
};

}  // namespace bam::cuda
