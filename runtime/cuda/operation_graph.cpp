#include "runtime/cuda/operation_graph.h"

#include <algorithm>

#include "runtime/check.h"

namespace bam::cuda {
namespace {

constexpr std::int64_t kAlignment = 16;
constexpr int kMostEngines = 8;

}  // namespace

void CudnnPlan::run(const Cudnn& cudnn, cudnnHandle_t handle,
                    const std::map<std::int64_t, void*>& tensors, void* workspace) const {
  std::vector<void*> places;
  for (const std::int64_t name : names_) {
    const auto found = tensors.find(name);
    check(found != tensors.end(), "tensor ", name, " of a graph has no place");
    places.push_back(found->second);
  }
  CudnnObject pack(cudnn, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, std::ssize(names_), names_.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, std::ssize(places),
           places.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
  pack.finish("cuDNN's tensors");
  cudnn.check_ok(cudnn.execute(handle, plan_.raw(), pack.raw()), "cudnnBackendExecute");
}

OperationGraph::Tensor OperationGraph::tensor(std::int64_t name, const Layout& layout,
                                              cudnnDataType_t type, Tensor offsets) {
  check(name < kUnnamed, "a tensor named ", name);
  return add(name, layout, type, false, false, offsets);
}

OperationGraph::Tensor OperationGraph::number(std::int64_t name) {
  return add(name, {{1, 1, 1, 1}, {1, 1, 1, 1}}, CUDNN_DATA_FLOAT, false, true, kNone);
}

OperationGraph::Tensor OperationGraph::between(const Layout& layout, cudnnDataType_t type,
                                               Tensor offsets) {
  return add(kUnnamed + std::ssize(tensors_), layout, type, true, false, offsets);
}

OperationGraph::Tensor OperationGraph::add(std::int64_t name, const Layout& layout,
                                           cudnnDataType_t type, bool is_between, bool is_number,
                                           Tensor offsets) {
  CudnnObject tensor(cudnn_, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, name);
  set_value(tensor, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type);
  tensor.set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, layout.sizes.data());
  tensor.set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, layout.strides.data());
  tensor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kAlignment);
  tensor.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, is_between);
  tensor.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, is_number);
  if (offsets != kNone) {
    tensor.set(CUDNN_ATTR_TENSOR_RAGGED_OFFSET_DESC, tensors_[offsets]);
  }
  tensor.finish("a tensor for cuDNN");
  tensors_.push_back(std::move(tensor));
  if (!is_between) {
    names_.push_back(name);
  }
  return tensors_.size() - 1;
}

void OperationGraph::add(CudnnObject operation, const char* what) {
  operation.finish(what);
  operations_.push_back(std::move(operation));
}

void OperationGraph::multiply(Tensor a, Tensor b, Tensor out, const Extents& extents) {
  CudnnObject product(cudnn_, CUDNN_BACKEND_MATMUL_DESCRIPTOR);
  set_value(product, CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  product.finish("a product for cuDNN");
  CudnnObject made = operation(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
  made.set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, tensors_[a]);
  made.set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, tensors_[b]);
  made.set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, tensors_[out]);
  made.set(CUDNN_ATTR_OPERATION_MATMUL_DESC, product);
  const auto limit = [&](cudnnBackendAttributeName_t name, Tensor to) {
    if (to != kNone) {
      made.set(name, tensors_[to]);
    }
  };
  limit(CUDNN_ATTR_OPERATION_MATMUL_GEMM_M_OVERRIDE_DESC, extents.rows);
  limit(CUDNN_ATTR_OPERATION_MATMUL_GEMM_N_OVERRIDE_DESC, extents.cols);
  limit(CUDNN_ATTR_OPERATION_MATMUL_GEMM_K_OVERRIDE_DESC, extents.depth);
  descriptions_.push_back(std::move(product));
  add(std::move(made), "cuDNN's product");
}

CudnnObject OperationGraph::pointwise_operation(cudnnPointwiseMode_t mode,
                                                cudnnDataType_t precision, std::int64_t axis,
                                                Tensor x, Tensor out) {
  CudnnObject how(cudnn_, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  set_value(how, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode);
  set_value(how, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, precision);
  if (mode == CUDNN_POINTWISE_GEN_INDEX) {
    how.set(CUDNN_ATTR_POINTWISE_AXIS, axis);
  }
  how.finish("an operation on elements for cuDNN");
  CudnnObject made = operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  made.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how);
  made.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, tensors_[x]);
  made.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, tensors_[out]);
  descriptions_.push_back(std::move(how));
  return made;
}

void OperationGraph::pointwise(cudnnPointwiseMode_t mode, cudnnDataType_t precision, Tensor x,
                               Tensor y, Tensor out) {
  CudnnObject made = pointwise_operation(mode, precision, 0, x, out);
  if (y != kNone) {
    made.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, tensors_[y]);
  }
  add(std::move(made), "cuDNN's operation on elements");
}

void OperationGraph::select(Tensor x, Tensor y, Tensor where, Tensor out) {
  CudnnObject made =
      pointwise_operation(CUDNN_POINTWISE_BINARY_SELECT, CUDNN_DATA_FLOAT, 0, x, out);
  made.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, tensors_[y]);
  made.set(CUDNN_ATTR_OPERATION_POINTWISE_TDESC, tensors_[where]);
  add(std::move(made), "cuDNN's selection");
}

void OperationGraph::place(Tensor x, std::int64_t axis, Tensor out) {
  add(pointwise_operation(CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_INT32, axis, x, out),
      "cuDNN's places");
}

void OperationGraph::reduce(cudnnReduceTensorOp_t how, Tensor x, Tensor out) {
  CudnnObject reduction(cudnn_, CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
  set_value(reduction, CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  set_value(reduction, CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, how);
  reduction.finish("a reduction for cuDNN");
  CudnnObject made = operation(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
  made.set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, tensors_[x]);
  made.set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, tensors_[out]);
  made.set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, reduction);
  descriptions_.push_back(std::move(reduction));
  add(std::move(made), "cuDNN's reduction");
}

void OperationGraph::reshape(Tensor x, Tensor out) {
  CudnnObject made = operation(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR);
  made.set(CUDNN_ATTR_OPERATION_RESHAPE_XDESC, tensors_[x]);
  made.set(CUDNN_ATTR_OPERATION_RESHAPE_YDESC, tensors_[out]);
  add(std::move(made), "cuDNN's reshaping");
}

CudnnPlan OperationGraph::plan(const CudnnTarget& target) const {
  const CudnnObject graph = finished(target);
  std::string why = "cuDNN has no engine for this graph";
  for (CudnnObject& engine : engines(graph, target)) {
    if (!any_order_ && !is_deterministic(engine)) {
      why = "cuDNN's engine does not give the same bits every time";
      continue;
    }
    try {
      CudnnObject plan = plan_with(engine, target);
      return {std::move(engine), std::move(plan), names_};
    } catch (const Error& error) {
      why = error.what();
    }
  }
  throw Error(why);
}

CudnnObject OperationGraph::finished(const CudnnTarget& target) const {
  std::vector<cudnnBackendDescriptor_t> operations;
  for (const CudnnObject& each : operations_) {
    operations.push_back(each.raw());
  }
  CudnnObject graph(cudnn_, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, std::ssize(operations),
            operations.data());
  if (target.handle != nullptr) {
    set_value(graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, target.handle);
  }
  graph.finish("cuDNN's graph");
  return graph;
}

// Those that its heuristics think fit, the best first.
std::vector<CudnnObject> OperationGraph::engines(const CudnnObject& graph,
                                                 const CudnnTarget& target) const {
  CudnnObject heuristics(cudnn_, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  set_value(heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, CUDNN_HEUR_MODE_A);
  if (target.described != nullptr) {
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *target.described);
  }
  heuristics.finish("cuDNN's choice of an engine");

  std::vector<CudnnObject> engines;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (int i = 0; i < kMostEngines; ++i) {
    engines.emplace_back(cudnn_, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    raw.push_back(engines.back().raw());
  }
  std::int64_t found = 0;
  cudnn_.check_ok(
      cudnn_.get_attribute(heuristics.raw(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                           CUDNN_TYPE_BACKEND_DESCRIPTOR, std::ssize(raw), &found, raw.data()),
      "cuDNN's engines");
  engines.erase(engines.begin() + std::min<std::int64_t>(found, kMostEngines), engines.end());
  return engines;
}

bool OperationGraph::is_deterministic(const CudnnObject& engine) const {
  const CudnnObject own(cudnn_, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t raw = own.raw();
  std::int64_t count = 0;
  cudnn_.check_ok(cudnn_.get_attribute(engine.raw(), CUDNN_ATTR_ENGINECFG_ENGINE,
                                       CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &raw),
                  "cuDNN's engine");
  std::array<cudnnBackendNumericalNote_t, CUDNN_NUMERICAL_NOTE_TYPE_COUNT> notes{};
  count = 0;
  cudnn_.check_ok(
      cudnn_.get_attribute(raw, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                           std::ssize(notes), &count, notes.data()),
      "what cuDNN notes of its engine");
  return std::none_of(notes.begin(), notes.begin() + count, [](cudnnBackendNumericalNote_t note) {
    return note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC;
  });
}

CudnnObject OperationGraph::plan_with(const CudnnObject& engine, const CudnnTarget& target) const {
  CudnnObject plan(cudnn_, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  if (target.handle != nullptr) {
    set_value(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, target.handle);
  }
  if (target.described != nullptr) {
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *target.described);
  }
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine);
  plan.finish("cuDNN's plan");
  return plan;
}

}  // namespace bam::cuda
