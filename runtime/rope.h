#pragma once

#include "runtime/tensor.h"

namespace bam {

/// cos and sin of every position's angles: table (positions, head_dim / 2, 2) fp32;
/// angle(p, i) = p * theta^(-2i / head_dim), computed in double.
Tensor rope_table(Stream& stream, std::int64_t positions, std::int64_t head_dim, double theta);

enum class Rotation { kForward, kBackward };

/// Rotates interleaved pairs (2i, 2i + 1) of every head in place by their position's angle
/// (arXiv 2104.09864; interleaved as in Cohere's models); kBackward turns the other way, which is
/// the gradient. x (n, heads * head_dim) fp32 or bf16; positions (n) int32, below the table's rows.
void rope(Stream& stream, const Tensor& x, const Tensor& positions, const Tensor& table,
          Rotation rotation);

/// Takes apart what one product made of the weights of q, k and v: qkv (n, q, k and v side by side)
/// to q (n, heads * head_dim), k and v (n, kv_heads * head_dim) of its dtype, q and k rotated.
void rope_unpack(Stream& stream, const Tensor& qkv, const Tensor& positions, const Tensor& table,
                 const Tensor& q, const Tensor& k, const Tensor& v);
/// Its gradient: d_qkv from dq, dk and dv.
void rope_pack(Stream& stream, const Tensor& dq, const Tensor& dk, const Tensor& dv,
               const Tensor& positions, const Tensor& table, const Tensor& d_qkv);

}  // namespace bam
