#include "launch/calibration.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "launch/calibration_run.h"
#include "launch/monotone.h"
#include "runtime/adamw.h"
#include "runtime/attention.h"
#include "runtime/check.h"
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

std::string name_of(ProductKind kind, DType dtype) {
  const std::string numbers = dtype == DType::kFloat32 ? "fp32" : "bf16";
  switch (kind) {
    case ProductKind::kForward:
      return "the " + numbers + " product of ";
    case ProductKind::kInputGradient:
      return "the " + numbers + " input gradient of ";
    default:
      return "the " + numbers + " weight gradient of ";
  }
}

/// Rates of all sizes of one kind of product.
std::vector<ProductPoint> products_of(Stream& stream, Communicator& world,
                                      const CalibrationSizes& sizes, DType dtype, ProductKind kind,
                                      Disturbances& disturbances) {
  std::vector<ProductPoint> points;
  std::vector<std::array<std::int64_t, 3>> shapes;
  std::vector<TimedSize> timed;
  const auto measure = [&](const std::array<std::int64_t, 3>& of) {
    return product_point(stream, world, sizes, dtype, kind, of[0], of[1], of[2]);
  };
  const auto seconds = [](const ProductPoint& point) {
    return point.shape.operations() / point.rate;
  };
  for (const std::int64_t rows : sizes.rows) {
    for (const std::int64_t in : sizes.widths) {
      for (const std::int64_t out : sizes.widths) {
        shapes.push_back({rows, in, out});
        points.push_back(measure(shapes.back()));
        timed.push_back(
            {{static_cast<double>(rows), static_cast<double>(in), static_cast<double>(out)},
             seconds(points.back()),
             message_of(name_of(kind, dtype), rows, " rows, ", in, " to ", out)});
      }
    }
  }
  const auto again = [&](std::size_t at) { return seconds(measure(shapes[at])); };
  std::ranges::copy(make_monotone(timed, again), std::back_inserter(disturbances));
  for (std::size_t at = 0; at < points.size(); ++at) {
    points[at].rate = points[at].shape.operations() / timed[at].seconds;
  }
  return points;
}

/// Seconds of one direction of attention, from its rate; longer sequences have more pairs.
std::vector<TimedSize> attention_times(const std::vector<AttentionPoint>& points,
                                       double AttentionPoint::*rate, const std::string& name) {
  std::vector<TimedSize> timed;
  for (const AttentionPoint& point : points) {
    const auto length = static_cast<double>(point.length);
    timed.push_back(
        {{length}, length / point.*rate, message_of(name, " over sequences of ", point.length)});
  }
  return timed;
}

std::vector<AttentionPoint> attention_of(Stream& stream, Communicator& world,
                                         const CalibrationSizes& sizes, DType dtype,
                                         Disturbances& disturbances) {
  std::vector<AttentionPoint> points;
  for (const std::int64_t length : sizes.lengths) {
    points.push_back(attention_point(stream, world, sizes, dtype, length));
  }
  for (auto rate : {&AttentionPoint::forward, &AttentionPoint::backward}) {
    const std::string name =
        rate == &AttentionPoint::forward ? "attention" : "attention's backward";
    std::vector<TimedSize> timed = attention_times(points, rate, name);
    const auto again = [&](std::size_t at) {
      return static_cast<double>(points[at].length) /
             attention_point(stream, world, sizes, dtype, points[at].length).*rate;
    };
    std::ranges::copy(make_monotone(timed, again), std::back_inserter(disturbances));
    for (std::size_t at = 0; at < points.size(); ++at) {
      points[at].*rate = static_cast<double>(points[at].length) / timed[at].seconds;
    }
  }
  return points;
}

}  // namespace

ComputeRates measure_compute(Stream& stream, Communicator& world, DType dtype,
                             CalibrationEffort effort, Disturbances& disturbances) {
  const CalibrationSizes sizes = sizes_for(effort);
  const Polling polling(stream, world);
  ComputeRates rates;
  for (const ProductKind kind :
       {ProductKind::kForward, ProductKind::kInputGradient, ProductKind::kWeightGradient}) {
    const auto points = products_of(stream, world, sizes, dtype, kind, disturbances);
    for (const ProductPoint& point : points) {
      rates.peak = std::max(rates.peak, point.rate);
    }
    rates.products[static_cast<std::size_t>(kind)] = RateGrid(points);
  }
  rates.attention = attention_of(stream, world, sizes, dtype, disturbances);
  return rates;
}

RowRates measure_rows(Stream& stream, Communicator& world, CalibrationEffort effort) {
  const CalibrationSizes sizes = sizes_for(effort);
  const Polling polling(stream, world);
  const std::int64_t scale = effort == CalibrationEffort::kQuick ? 16 : 1;
  const Shape shape = {2048 / scale, 1024};
  const Shape logits_shape = {512 / scale, 4096};
  const Operands a(stream, shape, DType::kFloat32), b(stream, shape, DType::kFloat32),
      c(stream, shape, DType::kFloat32), halves(stream, {shape[0], shape[1] / 2}, DType::kFloat32),
      squares(stream, shape, DType::kFloat32);
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
          .activation =
              rate(1.5 * bytes, [&](int turn) { swiglu(stream, a.at(turn), halves.at(turn)); }),
          .loss = rate(3 * static_cast<double>(logits.bytes()),
                       [&](int) {
                         cross_entropy_with_gradient(stream, logits, targets, 1, losses, logits);
                       }),
          .optimizer = rate(7 * bytes, update)};
}

}  // namespace bam
