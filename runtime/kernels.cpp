#include "runtime/kernels.h"

#include "runtime/cuda/device.h"

namespace bam {
namespace {

constexpr Kernels kCpuKernels{
    .matmul = cpu::matmul,
    .matmul_plus = cpu::matmul_plus,
    .matmul_each = cpu::matmul_each,
    .fill_zero = cpu::fill_zero,
    .fill = cpu::fill,
    .copy = cpu::copy,
    .add = cpu::add,
    .squared_norm = cpu::squared_norm,
    .all_finite = cpu::all_finite,
    .layer_norm = cpu::layer_norm,
    .layer_norm_backward = cpu::layer_norm_backward,
    .rope = cpu::rope,
    .rope_unpack = cpu::rope_unpack,
    .rope_pack = cpu::rope_pack,
    .swiglu = cpu::swiglu,
    .swiglu_backward = cpu::swiglu_backward,
    .attention = cpu::attention,
    .attentions_at_once = cpu::attentions_at_once,
    .attention_backward = cpu::attention_backward,
    .embedding = cpu::embedding,
    .embedding_backward = cpu::embedding_backward,
    .cross_entropy = cpu::cross_entropy,
    .cross_entropy_with_gradient = cpu::cross_entropy_with_gradient,
    .router_logits = cpu::router_logits,
    .router_input_gradient = cpu::router_input_gradient,
    .router_weight_gradient = cpu::router_weight_gradient,
    .softmax_rows = cpu::softmax_rows,
    .softmax_rows_backward = cpu::softmax_rows_backward,
    .top_k = cpu::top_k,
    .chosen_gates = cpu::chosen_gates,
    .chosen_gates_backward = cpu::chosen_gates_backward,
    .spread_gates = cpu::spread_gates,
    .pick_gates = cpu::pick_gates,
    .rows_using = cpu::rows_using,
    .add_to_rows = cpu::add_to_rows,
    .ascending = cpu::ascending,
    .shifted = cpu::shifted,
    .order_by_expert = cpu::order_by_expert,
    .padded = cpu::padded,
    .gather_rows = cpu::gather_rows,
    .scatter_add_rows = cpu::scatter_add_rows,
    .combine_rows = cpu::combine_rows,
    .combine_rows_backward = cpu::combine_rows_backward,
    .weigh = cpu::weigh,
    .weigh_backward = cpu::weigh_backward,
    .put_side_by_side = cpu::put_side_by_side,
    .stack_parts = cpu::stack_parts,
    .routing_numbers = cpu::routing_numbers,
    .adamw = cpu::adamw,
};

}  // namespace

const Kernels& kernels_of(const Stream& stream) {
  return stream.device() == DeviceKind::kCuda ? cuda::kernels() : kCpuKernels;
}

}  // namespace bam
