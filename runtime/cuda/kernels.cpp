#include "runtime/cuda/device.h"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {

const Kernels& kernels() {
  static constexpr Kernels kKernels{
      .matmul = cuda::matmul,
      .matmul_plus = cuda::matmul_plus,
      .matmul_each = cuda::matmul_each,
      .fill_zero = cuda::fill_zero,
      .fill = cuda::fill,
      .copy = cuda::copy,
      .add = cuda::add,
      .squared_norm = cuda::squared_norm,
      .all_finite = cuda::all_finite,
      .layer_norm = cuda::layer_norm,
      .layer_norm_backward = cuda::layer_norm_backward,
      .rope = cuda::rope,
      .rope_unpack = cuda::rope_unpack,
      .rope_pack = cuda::rope_pack,
      .swiglu = cuda::swiglu,
      .swiglu_backward = cuda::swiglu_backward,
      .attention = cuda::attention,
      .attentions_at_once = cuda::attentions_at_once,
      .attention_backward = cuda::attention_backward,
      .embedding = cuda::embedding,
      .embedding_backward = cuda::embedding_backward,
      .cross_entropy = cuda::cross_entropy,
      .cross_entropy_with_gradient = cuda::cross_entropy_with_gradient,
      .router_logits = cuda::router_logits,
      .router_input_gradient = cuda::router_input_gradient,
      .router_weight_gradient = cuda::router_weight_gradient,
      .softmax_rows = cuda::softmax_rows,
      .softmax_rows_backward = cuda::softmax_rows_backward,
      .top_k = cuda::top_k,
      .chosen_gates = cuda::chosen_gates,
      .chosen_gates_backward = cuda::chosen_gates_backward,
      .spread_gates = cuda::spread_gates,
      .pick_gates = cuda::pick_gates,
      .rows_using = cuda::rows_using,
      .add_to_rows = cuda::add_to_rows,
      .ascending = cuda::ascending,
      .shifted = cuda::shifted,
      .order_by_expert = cuda::order_by_expert,
      .padded = cuda::padded,
      .gather_rows = cuda::gather_rows,
      .scatter_add_rows = cuda::scatter_add_rows,
      .combine_rows = cuda::combine_rows,
      .combine_rows_backward = cuda::combine_rows_backward,
      .weigh = cuda::weigh,
      .weigh_backward = cuda::weigh_backward,
      .put_side_by_side = cuda::put_side_by_side,
      .stack_parts = cuda::stack_parts,
      .routing_numbers = cuda::routing_numbers,
      .adamw = cuda::adamw,
  };
  return kKernels;
}

}  // namespace bam::cuda
