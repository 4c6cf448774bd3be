#include "runtime/cuda/flash_graphs.h"

namespace bam::cuda {
namespace {

using Tensor = OperationGraph::Tensor;
using Layout = OperationGraph::Layout;
constexpr Tensor kNone = OperationGraph::kNone;
constexpr cudnnDataType_t kBf16 = CUDNN_DATA_BFLOAT16;
constexpr cudnnDataType_t kFp32 = CUDNN_DATA_FLOAT;

// What both graphs are made of.
class FlashGraph {
 public:
  FlashGraph(const Cudnn& cudnn, const FlashShape& shape) : graph(cudnn), shape_(shape) {
    if (shape.is_in_any_order) {
      graph.allow_any_order();
    }
    if (shape.is_ragged) {
      lengths_ = graph.tensor(kLengths, column(shape.sequences), CUDNN_DATA_INT32);
      query_edges_ = edges(kQueryEdges);
      key_edges_ = shape.kv_heads == shape.heads ? query_edges_ : edges(kKeyEdges);
      row_edges_ = edges(kRowEdges);
    }
    scale = graph.number(kScale);
  }

  Tensor queries(FlashName name) {
    return graph.tensor(name, rows(shape_.heads), kBf16, query_edges_);
  }
  Tensor keys(FlashName name) {
    return graph.tensor(name, rows(shape_.kv_heads), kBf16, key_edges_);
  }
  Tensor turned_keys(FlashName name) {
    return graph.tensor(name, turned(rows(shape_.kv_heads)), kBf16, key_edges_);
  }
  Tensor keys_between() { return graph.between(rows(shape_.kv_heads), kFp32, key_edges_); }
  Tensor queries_between() { return graph.between(by_heads(shape_.head_dim), kFp32); }
  // fp32 (token, head).
  Tensor numbers(FlashName name, bool by_token) {
    Layout layout = by_heads(1);
    if (by_token) {
      layout.strides = {shape_.length * shape_.heads, 1, shape_.heads, 1};
    }
    return graph.tensor(name, layout, kFp32, row_edges_);
  }
  Tensor scores_between(cudnnDataType_t type = kFp32) {
    return graph.between(by_heads(shape_.length), type);
  }
  Tensor column_between() { return graph.between(by_heads(1), kFp32); }

  void multiply_to_scores(Tensor a, Tensor b, Tensor out) {
    graph.multiply(a, b, out, {lengths_, lengths_, kNone});
  }
  void multiply_to_rows(Tensor a, Tensor b, Tensor out) {
    graph.multiply(a, b, out, {lengths_, kNone, lengths_});
  }

  // The gradient of keys or values; what heads share is summed over them.
  void multiply_to_key_gradient(Tensor turned_scores, Tensor b, FlashName name,
                                FlashName of_heads) {
    if (shape_.kv_heads == shape_.heads) {
      multiply_to_rows(turned_scores, b, keys(name));
      return;
    }
    const Tensor each = shape_.is_ragged
                            ? graph.tensor(of_heads, rows(shape_.heads), kBf16, key_edges_)
                            : graph.between(by_heads(shape_.head_dim), kBf16);
    multiply_to_rows(turned_scores, b, each);
    graph.reduce(CUDNN_REDUCE_TENSOR_ADD, each, keys(name));
  }

  void multiply_to_query_gradient(Tensor scores_in, Tensor k) {
    if (!shape_.is_in_any_order) {
      multiply_to_rows(scores_in, k, queries(kDQ));
      return;
    }
    const Layout layout = shape_.is_ragged ? rows(shape_.heads) : by_heads(shape_.head_dim);
    const Tensor sums = graph.tensor(kDQSums, layout, kFp32, query_edges_);
    multiply_to_rows(scores_in, k, sums);
    math(CUDNN_POINTWISE_IDENTITY, sums, kNone, queries(kDQ));
  }

  Tensor scaled_scores(Tensor q, Tensor turned_k) {
    const Tensor products = scores_between();
    multiply_to_scores(q, turned_k, products);
    return math(CUDNN_POINTWISE_MUL, products, scale, scores_between());
  }
  // kUnseen where a key is past its query, or either past its document.
  Tensor masked(Tensor scores) {
    const Tensor never = graph.number(kUnseen);
    if (shape_.is_ragged) {
      const Tensor is_query = compare(CUDNN_POINTWISE_CMP_LT, place(scores, 2), lengths_);
      const Tensor is_key = compare(CUDNN_POINTWISE_CMP_LT, place(scores, 3), lengths_);
      scores = select(scores, never, compare(CUDNN_POINTWISE_LOGICAL_AND, is_query, is_key));
    }
    const Tensor seen = compare(CUDNN_POINTWISE_CMP_GE, place(scores, 2), place(scores, 3));
    return select(scores, never, seen);
  }
  Tensor math(cudnnPointwiseMode_t mode, Tensor x, Tensor y, Tensor out) {
    graph.pointwise(mode, kFp32, x, y, out);
    return out;
  }
  Tensor reduce(cudnnReduceTensorOp_t how, Tensor x, Tensor out) {
    graph.reduce(how, x, out);
    return out;
  }
  // (key, query) bf16 of (query, key) fp32.
  Tensor turned_scores(Tensor scores_in) {
    const Tensor out = graph.between(turned(by_heads(shape_.length)), kBf16);
    graph.reshape(scores_in, out);
    return out;
  }

  OperationGraph graph;
  Tensor scale;

 private:
  static Layout column(std::int64_t size) { return {{size, 1, 1, 1}, {1, 1, 1, 1}}; }
  static Layout turned(const Layout& layout) {
    const auto& [sizes, strides] = layout;
    return {{sizes[0], sizes[1], sizes[3], sizes[2]},
            {strides[0], strides[1], strides[3], strides[2]}};
  }
  Layout rows(std::int64_t heads) const {
    const std::int64_t width = heads * shape_.head_dim;
    return {{shape_.sequences, heads, shape_.length, shape_.head_dim},
            {shape_.length * width, shape_.head_dim, width, 1}};
  }
  // (sequence, head, token, element), one after the other.
  Layout by_heads(std::int64_t width) const {
    const std::int64_t head = shape_.length * width;
    return {{shape_.sequences, shape_.heads, shape_.length, width},
            {shape_.heads * head, head, width, 1}};
  }
  Tensor edges(FlashName name) {
    return graph.tensor(name, column(shape_.sequences + 1), CUDNN_DATA_INT64);
  }
  Tensor place(Tensor of, std::int64_t axis) {
    const Tensor out = scores_between(CUDNN_DATA_INT32);
    graph.place(of, axis, out);
    return out;
  }
  Tensor compare(cudnnPointwiseMode_t mode, Tensor x, Tensor y) {
    const Tensor out = scores_between(CUDNN_DATA_BOOLEAN);
    graph.pointwise(mode, CUDNN_DATA_BOOLEAN, x, y, out);
    return out;
  }
  Tensor select(Tensor x, Tensor y, Tensor where) {
    const Tensor out = scores_between();
    graph.select(x, y, where, out);
    return out;
  }

  FlashShape shape_;
  Tensor lengths_ = kNone;
  Tensor query_edges_ = kNone;
  Tensor key_edges_ = kNone;
  Tensor row_edges_ = kNone;
};

OperationGraph forward_graph(const Cudnn& cudnn, const FlashShape& shape) {
  FlashGraph f(cudnn, shape);
  const Tensor scores = f.masked(f.scaled_scores(f.queries(kQ), f.turned_keys(kK)));
  const Tensor largest = f.reduce(CUDNN_REDUCE_TENSOR_MAX, scores, f.column_between());
  const Tensor lowered = f.math(CUDNN_POINTWISE_SUB, scores, largest, f.scores_between());
  const Tensor powers = f.math(CUDNN_POINTWISE_EXP, lowered, kNone, f.scores_between());
  const Tensor sums = f.reduce(CUDNN_REDUCE_TENSOR_ADD, powers, f.column_between());
  const Tensor logs = f.math(CUDNN_POINTWISE_LOG, sums, kNone, f.column_between());
  f.math(CUDNN_POINTWISE_ADD, largest, logs, f.numbers(kLogSums, true));
  const Tensor weights = f.math(CUDNN_POINTWISE_DIV, powers, sums, f.scores_between(kBf16));
  f.multiply_to_rows(weights, f.keys(kV), f.queries(kOut));
  return std::move(f.graph);
}

OperationGraph backward_graph(const Cudnn& cudnn, const FlashShape& shape) {
  FlashGraph f(cudnn, shape);
  const Tensor q = f.queries(kQ);
  const Tensor turned_k = f.turned_keys(kK);
  const Tensor d_out = f.queries(kDOut);

  // What the softmax's gradient subtracts: <d_out, out> of each row.
  const Tensor slopes = f.math(CUDNN_POINTWISE_MUL, d_out, f.queries(kOut), f.queries_between());
  const Tensor sums = f.reduce(CUDNN_REDUCE_TENSOR_ADD, slopes, f.column_between());
  const Tensor shifts =
      f.math(CUDNN_POINTWISE_MUL, sums, f.graph.number(kOne), f.numbers(kShifts, shape.is_ragged));

  const Tensor lowered = f.math(CUDNN_POINTWISE_SUB, f.scaled_scores(q, turned_k),
                                f.numbers(kLogSums, shape.is_ragged), f.scores_between());
  const Tensor weights = f.math(CUDNN_POINTWISE_EXP, f.masked(lowered), kNone, f.scores_between());
  f.multiply_to_key_gradient(f.turned_scores(weights), d_out, kDV, kDVOfHeads);

  const Tensor d_weights = f.scores_between();
  f.multiply_to_scores(d_out, f.turned_keys(kV), d_weights);
  const Tensor shifted = f.math(CUDNN_POINTWISE_SUB, d_weights, shifts, f.scores_between());
  const Tensor weighted = f.math(CUDNN_POINTWISE_MUL, shifted, weights, f.scores_between());
  const Tensor d_scores = f.math(CUDNN_POINTWISE_MUL, weighted, f.scale, f.scores_between());
  f.multiply_to_key_gradient(f.turned_scores(d_scores), q, kDK, kDKOfHeads);

  const Tensor k = f.keys_between();
  f.graph.reshape(turned_k, k);
  f.multiply_to_query_gradient(d_scores, k);
  return std::move(f.graph);
}

}  // namespace

OperationGraph flash_graph(const Cudnn& cudnn, const FlashShape& shape) {
  return shape.is_backward ? backward_graph(cudnn, shape) : forward_graph(cudnn, shape);
}

std::int64_t flash_backward_bytes(const FlashShape& shape) {
  const auto padded = [&](std::int64_t to) { return (shape.length + to - 1) / to * to; };
  return shape.sequences * shape.heads * padded(64) * padded(128) * 2;
}

}  // namespace bam::cuda
