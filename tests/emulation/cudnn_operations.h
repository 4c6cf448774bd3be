#pragma once

#include <cudnn_graph.h>

#include <array>
#include <map>
#include <vector>

namespace bam::emulation {

using Place = std::array<std::int64_t, 4>;

/// A tensor of a graph, as its descriptor says.
struct GraphTensor {
  std::int64_t name = 0;
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  Place sizes{};
  Place strides{};
  bool is_between = false;
  bool is_number = false;
  std::int64_t offsets = 0;    // the name of a tensor; 0: none
  std::int64_t alignment = 1;  // of its address, in bytes

  std::int64_t elements() const { return sizes[0] * sizes[1] * sizes[2] * sizes[3]; }
};

struct GraphOperation {
  enum Kind { kMultiply, kPointwise, kReduce, kReshape };
  Kind kind;
  cudnnPointwiseMode_t mode = CUDNN_POINTWISE_ADD;
  cudnnReduceTensorOp_t reduction = CUDNN_REDUCE_TENSOR_ADD;
  std::int64_t axis = 0;
  std::vector<std::int64_t> inputs;  // names; of a product the first two are factors
  std::int64_t out = 0;
  std::array<std::int64_t, 3> extents{};  // of a product: rows, columns, depth; 0: all
};

/// Operations in an order in which each comes after what it reads.
struct GraphProgram {
  std::map<std::int64_t, GraphTensor> tensors;
  std::vector<GraphOperation> operations;

  /// Whether a product is added up in memory, where many may add to it.
  bool adds_in_memory() const;

  /// Does them one after the other, element by element: sums in double, what lies between in its
  /// tensor's type. Rows past a document's end are read as 0 and not written.
  void run(const std::map<std::int64_t, void*>& memory,
           const std::map<std::int64_t, float>& numbers) const;
};

}  // namespace bam::emulation
