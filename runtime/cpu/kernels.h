#pragma once

#include "runtime/adamw.h"
#include "runtime/attention.h"
#include "runtime/cross_entropy.h"
#include "runtime/elementwise.h"
#include "runtime/embedding.h"
#include "runtime/gated_block.h"
#include "runtime/layer_norm.h"
#include "runtime/matmul.h"
#include "runtime/rope.h"
#include "runtime/router_products.h"
#include "runtime/routing.h"
#include "runtime/sparse_gates.h"
#include "runtime/swiglu.h"

/// The front doors' work on CPUs: same names, same arguments, shapes and dtypes already checked.
namespace bam::cpu {

void matmul(Stream& stream, const Operand& a, const Operand& b, const Tensor& c, Write write);
void matmul_plus(Stream& stream, const Operand& a, const Operand& b, const Tensor& addend,
                 const Tensor& sum);
void matmul_each(Stream& stream, std::span<const bam::Product> products, Write write);

void fill_zero(Stream& stream, const Tensor& out);
void fill(Stream& stream, const Tensor& out, float value);
void copy(Stream& stream, const Tensor& from, const Tensor& to);
void add(Stream& stream, const Tensor& part, const Tensor& sum);
double squared_norm(Stream& stream, std::span<const Tensor> tensors);
bool all_finite(Stream& stream, const Tensor& values);

void layer_norm(Stream& stream, const Tensor& x, const Tensor& weight, double epsilon,
                const Tensor& h, const Tensor& statistics);
void layer_norm_backward(Stream& stream, const Tensor& x, const Tensor& weight,
                         const Tensor& statistics, const Tensor& dh, const Tensor& dx,
                         const Tensor& weight_gradient, const Tensor& low);

void rope(Stream& stream, const Tensor& x, const Tensor& positions, const Tensor& table,
          Rotation rotation);
void rope_unpack(Stream& stream, const Tensor& qkv, const Tensor& positions, const Tensor& table,
                 const Tensor& q, const Tensor& k, const Tensor& v);
void rope_pack(Stream& stream, const Tensor& dq, const Tensor& dk, const Tensor& dv,
               const Tensor& positions, const Tensor& table, const Tensor& d_qkv);

void swiglu(Stream& stream, const Tensor& gate_up, const Tensor& out);
void swiglu_backward(Stream& stream, const Tensor& gate_up, const Tensor& d_out,
                     const Tensor& d_gate_up, const Tensor& out);

void attention(Stream& stream, const AttentionShape& shape, const Tensor& q, const Tensor& k,
               const Tensor& v, const Tensor& query_rows, const Tensor& document_starts,
               const Tensor& out, const Tensor& log_sums);
std::int64_t attentions_at_once(const AttentionShape& shape);
void attention_backward(Stream& stream, const AttentionShape& shape, const Tensor& q,
                        const Tensor& k, const Tensor& v, const Tensor& query_rows,
                        const Tensor& document_starts, const Tensor& out, const Tensor& log_sums,
                        const Tensor& d_out, const Tensor& dq, const Tensor& dk, const Tensor& dv);

void embedding(Stream& stream, const Tensor& tokens, const Tensor& table, const Tensor& x);
void embedding_backward(Stream& stream, const Tensor& tokens, const Tensor& dx,
                        const Tensor& table_gradient);

void cross_entropy(Stream& stream, const Tensor& logits, const Tensor& targets,
                   const Tensor& losses);
void cross_entropy_with_gradient(Stream& stream, const Tensor& logits, const Tensor& targets,
                                 double scale, const Tensor& losses, const Tensor& d_logits);

void router_logits(Stream& stream, const Tensor& h, const Tensor& weight, const Tensor& logits);
void router_input_gradient(Stream& stream, const Tensor& d_logits, const Tensor& weight,
                           const Tensor& dh);
void router_weight_gradient(Stream& stream, const Tensor& d_logits, const Tensor& h,
                            const Tensor& weight_gradient);
void softmax_rows(Stream& stream, const Tensor& logits, const Tensor& probabilities,
                  const Tensor& log_sums);
void softmax_rows_backward(Stream& stream, const Tensor& probabilities, const Tensor& log_sums,
                           double z_scale, const Tensor& d_probabilities, const Tensor& d_logits);
void top_k(Stream& stream, const Tensor& probabilities, const Tensor& choices);
void chosen_gates(Stream& stream, const Tensor& probabilities, const Tensor& choices, Gates kind,
                  const Tensor& gates);
void chosen_gates_backward(Stream& stream, const Tensor& probabilities, const Tensor& choices,
                           Gates kind, const Tensor& d_gates, const Tensor& d_probabilities);
void spread_gates(Stream& stream, const Tensor& choices, const Tensor& gates, const Tensor& dense);
void pick_gates(Stream& stream, const Tensor& choices, const Tensor& dense, const Tensor& gates);
std::vector<Tensor> rows_using(Stream& stream, const Tensor& dense,
                               std::span<const std::vector<int>> sets);
void add_to_rows(Stream& stream, const Tensor& addends, const Tensor& values);
Tensor ascending(Stream& stream, std::int64_t first, std::int64_t n);
Tensor shifted(Stream& stream, const Tensor& values, std::int64_t by);
ExpertOrder order_by_expert(Stream& stream, const Tensor& choices, std::span<const int> experts);
ExpertOrder padded(Stream& stream, const ExpertOrder& order, std::int64_t capacity);
void gather_rows(Stream& stream, const Tensor& in, const Tensor& rows, const Tensor& out);
void scatter_add_rows(Stream& stream, const Tensor& in, const Tensor& rows, const Tensor& sum);
void combine_rows(Stream& stream, const Tensor& answers, const Tensor& row_of_slot,
                  const Tensor& gates, const Tensor& sum);
void combine_rows_backward(Stream& stream, const Tensor& answers, const Tensor& row_of_slot,
                           const Tensor& gates, const Tensor& d_sum, const Tensor& d_answers,
                           const Tensor& d_gates);
void weigh(Stream& stream, const GatedBlock& from, const Tensor& weighted);
void weigh_backward(Stream& stream, const GatedBlock& from, const Tensor& u, const Tensor& weighted,
                    const Tensor& d_gates, const Tensor& d_outputs);
void put_side_by_side(Stream& stream, const Tensor& stacked, const Tensor& wide);
void stack_parts(Stream& stream, const Tensor& wide, const Tensor& stacked, Write write);
void routing_numbers(Stream& stream, const Tensor& probabilities, const Tensor& log_sums,
                     const Tensor& choices, std::int64_t pairs, const Tensor& numbers);

void adamw(Stream& stream, const AdamwStep& step, std::span<const AdamwPiece> pieces);

}  // namespace bam::cpu
