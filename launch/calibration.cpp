#include "launch/calibration.h"

#include <algorithm>
#include <utility>

#include "launch/calibration_run.h"
#include "runtime/adamw.h"
#include "runtime/attention.h"
#include "runtime/cross_entropy.h"
#include "runtime/elementwise.h"
#include "runtime/matmul.h"
#include "runtime/swiglu.h"

namespace bam {
namespace {

/// One product's rate: `rows` of x, W (out, in).
ProductPoint product_point(Stream& stream, Communicator& world, const CalibrationSizes& sizes,
                           DType dtype, ProductKind kind, std::int64_t rows, std::int64_t in,
                           std::int64_t out) {
  const Operands x(stream, {rows, in}, dtype);
  const Operands y(stream, {rows, out}, dtype);
  const Operands w(stream, {out, in}, dtype);
  const Operands gradient(stream, {out, in}, DType::kFloat32);
  const auto run = [&](int turn) {
    switch (kind) {
      case ProductKind::kForward:
        return matmul(stream, x.at(turn), transposed(w.at(turn)), y.at(turn));
      case ProductKind::kInputGradient:
        return matmul(stream, y.at(turn), w.at(turn), x.at(turn));
      case ProductKind::kWeightGradient:
        return matmul(stream, transposed(y.at(turn)), x.at(turn), gradient.at(turn), Write::kAdd);
    }
  };
  const auto size = [](std::int64_t value) { return static_cast<double>(value); };
  ProductShape shape{size(rows), size(in), size(out)};
  if (kind == ProductKind::kInputGradient) {
    shape = {size(rows), size(out), size(in)};
  } else if (kind == ProductKind::kWeightGradient) {
    shape = {size(out), size(rows), size(in)};
  }
  return {shape, shape.operations() / measured(stream, world, sizes, run)};
}

/// Heads of 64, 512 wide; as many sequences as make 2,048 rows.
AttentionPoint attention_point(Stream& stream, Communicator& world, const CalibrationSizes& sizes,
                               DType dtype, std::int64_t length) {
  constexpr std::int64_t kRows = 2048, kHeads = 8, kHeadDim = 64;
  const AttentionShape shape{std::max<std::int64_t>(1, kRows / length), length, kHeads, kHeads,
                             kHeadDim};
  const Shape wide = {shape.keys(), kHeads * kHeadDim};
  const Tensor q = made_numbers(stream, wide, dtype), k = made_numbers(stream, wide, dtype),
               v = made_numbers(stream, wide, dtype), out = made_numbers(stream, wide, dtype),
               dq = made_numbers(stream, wide, dtype), dk = made_numbers(stream, wide, dtype),
               dv = made_numbers(stream, wide, dtype);
  const Tensor log_sums = made_numbers(stream, {shape.keys(), kHeads}, DType::kFloat32);
  const Tensor rows(stream, {shape.keys()}, DType::kInt32);
  const Tensor starts(stream, {shape.keys()}, DType::kInt32);
  for (std::int64_t row = 0; row < shape.keys(); ++row) {
    rows.data<std::int32_t>()[row] = static_cast<std::int32_t>(row);
    starts.data<std::int32_t>()[row] = static_cast<std::int32_t>(row / length * length);
  }
  const double forward = measured(stream, world, sizes, [&](int) {
    attention(stream, shape, q, k, v, rows, starts, out, log_sums);
  });
  const double backward = measured(stream, world, sizes, [&](int) {
    attention_backward(stream, shape, q, k, v, rows, starts, out, log_sums, out, dq, dk, dv);
  });
  const double operations = static_cast<double>(shape.keys()) * (static_cast<double>(length) + 1) /
                            2 * 4 * kHeads * kHeadDim;
  return {length, operations / forward, 2 * operations / backward};
}

}  // namespace

ComputeRates measure_compute(Stream& stream, Communicator& world, DType dtype,
                             CalibrationEffort effort) {
  const CalibrationSizes sizes = sizes_for(effort);
  const Polling polling(stream, world);
  ComputeRates rates;
  for (const ProductKind kind :
       {ProductKind::kForward, ProductKind::kInputGradient, ProductKind::kWeightGradient}) {
    std::vector<ProductPoint> points;
    for (const std::int64_t rows : sizes.rows) {
      for (const std::int64_t in : sizes.widths) {
        for (const std::int64_t out : sizes.widths) {
          points.push_back(product_point(stream, world, sizes, dtype, kind, rows, in, out));
          rates.peak = std::max(rates.peak, points.back().rate);
        }
      }
    }
    rates.products[static_cast<std::size_t>(kind)] = RateGrid(points);
  }
  for (const std::int64_t length : sizes.lengths) {
    rates.attention.push_back(attention_point(stream, world, sizes, dtype, length));
  }
  return rates;
}

RowRates measure_rows(Stream& stream, Communicator& world, CalibrationEffort effort) {
  const CalibrationSizes sizes = sizes_for(effort);
  const Polling polling(stream, world);
  const std::int64_t scale = effort == CalibrationEffort::kQuick ? 16 : 1;
  const Shape shape = {2048 / scale, 1024};
  const Shape logits_shape = {512 / scale, 4096};
  const Operands a(stream, shape, DType::kFloat32), b(stream, shape, DType::kFloat32),
      c(stream, shape, DType::kFloat32), squares(stream, shape, DType::kFloat32);
  for (int turn = 0; turn < squares.count(); ++turn) {
    fill(stream, squares.at(turn), 1);
  }
  const Tensor logits = made_numbers(stream, logits_shape, DType::kFloat32);
  const Tensor targets(stream, {logits_shape[0]}, DType::kInt32);
  fill_zero(stream, targets);
  const Tensor losses(stream, {logits_shape[0]}, DType::kFloat32);
  const auto rate = [&](double bytes, const std::function<void(int)>& run) {
    return bytes / measured(stream, world, sizes, run);
  };
  const auto bytes = static_cast<double>(a.at(0).bytes());
  const AdamwStep step{1e-3, 0.9, 0.95, 1e-8, 1, 1};
  const auto update = [&](int turn) {
    const std::vector<AdamwPiece> pieces = {
        {a.at(turn), b.at(turn), c.at(turn), squares.at(turn), 0.1}};
    adamw(stream, step, pieces);
  };
  return {.copy = rate(2 * bytes, [&](int turn) { copy(stream, a.at(turn), b.at(turn)); }),
          .activation = rate(3 * bytes,
                             [&](int turn) { swiglu(stream, a.at(turn), b.at(turn), c.at(turn)); }),
          .loss = rate(2 * static_cast<double>(logits.bytes()),
                       [&](int) {
                         cross_entropy_with_gradient(stream, logits, targets, 1, losses, logits);
                       }),
          .optimizer = rate(7 * bytes, update)};
}

}  // namespace bam
