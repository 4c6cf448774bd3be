#include "launch/calibration.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "runtime/adamw.h"
#include "runtime/attention.h"
#include "runtime/cross_entropy.h"
#include "runtime/elementwise.h"
#include "runtime/matmul.h"
#include "runtime/swiglu.h"
#include "runtime/trace.h"

namespace bam {
namespace {

/// Sizes to measure at.
struct Sizes {
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> widths;
  std::vector<std::int64_t> lengths;   // of sequences
  std::vector<std::int64_t> messages;  // bytes
  double seconds = 0;                  // least time a measurement takes
  int repeats = 1;                     // measurements, whose median counts
};

Sizes sizes_for(CalibrationEffort effort) {
  if (effort == CalibrationEffort::kQuick) {
    return {{32, 128}, {64, 128}, {64}, {4096, 65536}, 0, 1};
  }
  return {{16, 64, 256, 1024, 2048},
          {64, 256, 1024, 2048},
          {64, 256, 1024, 2048},
          {1 << 10, 1 << 13, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24},
          0.004,
          5};
}

double mean_over_ranks(Stream& stream, Communicator& world, double value) {
  world.all_reduce_sum(stream, std::span(&value, 1)).wait(stream);
  return value / world.size();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Seconds of so many calls, run(i) being the i-th.
double seconds_of(int calls, const std::function<void(int)>& run) {
  const double begin = Trace::now();
  for (int call = 0; call < calls; ++call) {
    run(call);
  }
  return Trace::now() - begin;
}

/// Seconds of one call with all ranks at it: the median of some runs, averaged over the ranks.
double measured(Stream& stream, Communicator& world, const Sizes& sizes,
                const std::function<void(int)>& run) {
  run(0);  // touches memory and makes primitives
  // Every rank calls as often as the others: a call may wait for them.
  const double own = median({seconds_of(1, run), seconds_of(1, run), seconds_of(1, run)});
  const double once = mean_over_ranks(stream, world, own);
  const int calls = std::max(1, static_cast<int>(std::ceil(sizes.seconds / once)));
  std::vector<double> seconds;
  for (int repeat = 0; repeat < sizes.repeats; ++repeat) {
    world.barrier(stream).wait(stream);
    seconds.push_back(seconds_of(calls, run) / calls);
  }
  return mean_over_ranks(stream, world, median(std::move(seconds)));
}

Tensor zeros(Stream& stream, Shape shape, DType dtype) {
  Tensor out(stream, std::move(shape), dtype);
  fill_zero(stream, out);
  return out;
}

/// Operands that a step would not find in the nearest cache: taken in turn.
class Operands {
 public:
  Operands(Stream& stream, const Shape& shape, DType dtype) {
    constexpr std::size_t kBytes = std::size_t{16} << 20;
    constexpr std::size_t kMost = 16;
    tensors_.push_back(zeros(stream, shape, dtype));
    while (tensors_.size() < kMost && tensors_.size() * tensors_.front().bytes() < kBytes) {
      tensors_.push_back(zeros(stream, shape, dtype));
    }
  }
  const Tensor& at(int turn) const {
    return tensors_[static_cast<std::size_t>(turn) % tensors_.size()];
  }

 private:
  std::vector<Tensor> tensors_;
};

/// One product's rate: `rows` of x, W (out, in).
ProductPoint product_point(Stream& stream, Communicator& world, const Sizes& sizes, DType dtype,
                           ProductKind kind, std::int64_t rows, std::int64_t in, std::int64_t out) {
  const Operands x(stream, {rows, in}, dtype);
  const Operands y(stream, {rows, out}, dtype);
  const Operands w(stream, {out, in}, dtype);
  const Tensor gradient = zeros(stream, {out, in}, DType::kFloat32);
  const auto run = [&](int turn) {
    switch (kind) {
      case ProductKind::kForward:
        return matmul(stream, x.at(turn), transposed(w.at(turn)), y.at(turn));
      case ProductKind::kInputGradient:
        return matmul(stream, y.at(turn), w.at(turn), x.at(turn));
      case ProductKind::kWeightGradient:
        return matmul(stream, transposed(y.at(turn)), x.at(turn), gradient, Write::kAdd);
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
AttentionPoint attention_point(Stream& stream, Communicator& world, const Sizes& sizes, DType dtype,
                               std::int64_t length) {
  constexpr std::int64_t kRows = 2048, kHeads = 8, kHeadDim = 64;
  const AttentionShape shape{std::max<std::int64_t>(1, kRows / length), length, kHeads, kHeads,
                             kHeadDim};
  const Shape wide = {shape.keys(), kHeads * kHeadDim};
  const Tensor q = zeros(stream, wide, dtype), k = zeros(stream, wide, dtype),
               v = zeros(stream, wide, dtype), out = zeros(stream, wide, dtype),
               dq = zeros(stream, wide, dtype), dk = zeros(stream, wide, dtype),
               dv = zeros(stream, wide, dtype);
  const Tensor log_sums = zeros(stream, {shape.keys(), kHeads}, DType::kFloat32);
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

/// Seconds until every rank has what all others sent it: `bytes` from each rank in all.
double exchange_seconds(Stream& stream, Communicator& world, Communicator& group,
                        const Sizes& sizes, std::int64_t bytes, bool is_gather) {
  const std::int64_t each = std::max<std::int64_t>(1, bytes / 4 / (group.size() - 1));
  const Tensor out = zeros(stream, {group.size(), each}, DType::kFloat32);
  const Tensor in = zeros(stream, {group.size(), each}, DType::kFloat32);
  return measured(stream, world, sizes, [&](int) {
    std::vector<Transfer> sends;
    std::vector<Transfer> receives;
    for (int peer = 0; peer < group.size(); ++peer) {
      if (peer != group.rank()) {
        const int row = is_gather ? group.rank() : peer;
        sends.push_back({peer, out.slice(row, row + 1)});
        receives.push_back({peer, in.slice(peer, peer + 1)});
      }
    }
    group.transfer(stream, std::move(sends), std::move(receives)).wait(stream);
  });
}

}  // namespace

ComputeRates measure_compute(Stream& stream, Communicator& world, DType dtype,
                             CalibrationEffort effort) {
  const Sizes sizes = sizes_for(effort);
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
  const Sizes sizes = sizes_for(effort);
  const std::int64_t scale = effort == CalibrationEffort::kQuick ? 16 : 1;
  const Shape shape = {2048 / scale, 1024};
  const Shape logits_shape = {512 / scale, 4096};
  const Tensor a = zeros(stream, shape, DType::kFloat32), b = zeros(stream, shape, DType::kFloat32),
               c = zeros(stream, shape, DType::kFloat32), d = zeros(stream, shape, DType::kFloat32);
  const Tensor logits = zeros(stream, logits_shape, DType::kFloat32);
  const Tensor targets = zeros(stream, {logits_shape[0]}, DType::kInt32);
  const Tensor losses = zeros(stream, {logits_shape[0]}, DType::kFloat32);
  const auto rate = [&](double bytes, const std::function<void(int)>& run) {
    return bytes / measured(stream, world, sizes, run);
  };
  const auto bytes = static_cast<double>(a.bytes());
  const AdamwStep step{1e-3, 0.9, 0.95, 1e-8, 1, 1};
  const std::vector<AdamwPiece> weights = {{a, b, c, d, 0.1}};
  return {.copy = rate(2 * bytes, [&](int) { copy(stream, a, b); }),
          .activation = rate(3 * bytes, [&](int) { swiglu(stream, a, b, c); }),
          .loss = rate(2 * static_cast<double>(logits.bytes()),
                       [&](int) {
                         cross_entropy_with_gradient(stream, logits, targets, 1, losses, logits);
                       }),
          .optimizer = rate(7 * bytes, [&](int) { adamw(stream, step, weights); })};
}

Link measure_link(Stream& stream, Communicator& world, Communicator& group,
                  CalibrationEffort effort) {
  const Sizes sizes = sizes_for(effort);
  Link link;
  for (const std::int64_t bytes : sizes.messages) {
    const auto sent = static_cast<double>(bytes);
    link.all_to_all.push_back(
        {sent, exchange_seconds(stream, world, group, sizes, bytes, /*is_gather=*/false)});
    link.gather.push_back(
        {sent, exchange_seconds(stream, world, group, sizes, bytes, /*is_gather=*/true)});
  }
  const TransferPoint& first = link.all_to_all.front();
  const TransferPoint& last = link.all_to_all.back();
  link.latency = first.seconds / (group.size() - 1);
  link.bandwidth = last.bytes / last.seconds;
  return link;
}

}  // namespace bam
