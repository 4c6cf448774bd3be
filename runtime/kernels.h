#pragma once

#include "runtime/cpu/kernels.h"

namespace bam {

/// One device's kernels: the front doors' work, shapes and dtypes already checked. A backend
/// defines every one with the CPU's signature.
struct Kernels {
  decltype(&cpu::matmul) matmul;
  decltype(&cpu::matmul_plus) matmul_plus;
  decltype(&cpu::matmul_each) matmul_each;

  decltype(&cpu::fill_zero) fill_zero;
  decltype(&cpu::fill) fill;
  decltype(&cpu::copy) copy;
  decltype(&cpu::add) add;
  decltype(&cpu::squared_norm) squared_norm;
  decltype(&cpu::all_finite) all_finite;

  decltype(&cpu::layer_norm) layer_norm;
  decltype(&cpu::layer_norm_backward) layer_norm_backward;
  decltype(&cpu::rope) rope;
  decltype(&cpu::rope_unpack) rope_unpack;
  decltype(&cpu::rope_pack) rope_pack;
  decltype(&cpu::swiglu) swiglu;
  decltype(&cpu::swiglu_backward) swiglu_backward;
  decltype(&cpu::attention) attention;
  decltype(&cpu::attentions_at_once) attentions_at_once;
  decltype(&cpu::attention_backward) attention_backward;
  decltype(&cpu::embedding) embedding;
  decltype(&cpu::embedding_backward) embedding_backward;
  decltype(&cpu::cross_entropy) cross_entropy;
  decltype(&cpu::cross_entropy_with_gradient) cross_entropy_with_gradient;

  decltype(&cpu::router_logits) router_logits;
  decltype(&cpu::router_input_gradient) router_input_gradient;
  decltype(&cpu::router_weight_gradient) router_weight_gradient;
  decltype(&cpu::softmax_rows) softmax_rows;
  decltype(&cpu::softmax_rows_backward) softmax_rows_backward;
  decltype(&cpu::top_k) top_k;
  decltype(&cpu::chosen_gates) chosen_gates;
  decltype(&cpu::chosen_gates_backward) chosen_gates_backward;
  decltype(&cpu::spread_gates) spread_gates;
  decltype(&cpu::pick_gates) pick_gates;
  decltype(&cpu::rows_using) rows_using;
  decltype(&cpu::add_to_rows) add_to_rows;
  decltype(&cpu::ascending) ascending;
  decltype(&cpu::shifted) shifted;

  decltype(&cpu::order_by_expert) order_by_expert;
  decltype(&cpu::padded) padded;
  decltype(&cpu::gather_rows) gather_rows;
  decltype(&cpu::scatter_add_rows) scatter_add_rows;
  decltype(&cpu::combine_rows) combine_rows;
  decltype(&cpu::combine_rows_backward) combine_rows_backward;
  decltype(&cpu::weigh) weigh;
  decltype(&cpu::weigh_backward) weigh_backward;
  decltype(&cpu::put_side_by_side) put_side_by_side;
  decltype(&cpu::stack_parts) stack_parts;
  decltype(&cpu::routing_numbers) routing_numbers;

  decltype(&cpu::adamw) adamw;
};

/// Those of the device that the stream is on.
const Kernels& kernels_of(const Stream& stream);

}  // namespace bam
