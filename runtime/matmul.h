#pragma once

#include <span>

#include "runtime/tensor.h"

namespace bam {

/// A matrix as it enters a product: the tensor (rows, cols), or its transpose.
struct Operand {
  Tensor matrix;
  bool is_transposed = false;

  Operand(Tensor plain) : matrix(std::move(plain)) {}  // NOLINT: a tensor is an operand
  Operand(Tensor inner, bool flipped) : matrix(std::move(inner)), is_transposed(flipped) {}
};

inline Operand transposed(Tensor matrix) { return {std::move(matrix), true}; }

/// What becomes of the elements that were there before.
enum class Write { kReplace, kAdd };

/// c (m, n) = a (m, k) b (k, n), or c += a b. Sums are fp32. a and b are of one dtype, fp32 or
/// bf16; c is of the same, or fp32; kAdd needs fp32. Any size may be 0: with k = 0 the product is
/// 0.
///
///     y  = x W^T     matmul(stream, x, transposed(weight), y)
///     dx = dy W      matmul(stream, dy, weight, dx)
///     dW += dy^T x   matmul(stream, transposed(dy), x, weight_gradient, Write::kAdd)
void matmul(Stream& stream, const Operand& a, const Operand& b, const Tensor& c,
            Write write = Write::kReplace);

/// sum (m, n) = addend (m, n) + a b, as matmul adds to what is there, but the addend stays: a pass
/// over it less than to copy it first. Both fp32, and not one tensor.
///
///     y = x + h W^T   matmul_plus(stream, h, transposed(weight), x, y)
void matmul_plus(Stream& stream, const Operand& a, const Operand& b, const Tensor& addend,
                 const Tensor& sum);

/// One product of several.
struct Product {
  Operand a;
  Operand b;
  Tensor c;
};

/// Each as matmul would, side by side where the device can: none may read or write what another
/// writes.
///
///     every expert's rows     for each expert: {rows_e, transposed(weight_e), answers_e}
void matmul_each(Stream& stream, std::span<const Product> products, Write write = Write::kReplace);

}  // namespace bam
