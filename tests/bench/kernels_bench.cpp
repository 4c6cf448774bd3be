// Kernels at the sizes of a training step. Products and attention also say which part of the
// machine's matrix ceiling they reach (causal attention counted as what it must compute: half the
// square).
#include <benchmark/benchmark.h>

#include <numeric>

#include "runtime/adamw.h"
#include "runtime/attention.h"
#include "runtime/ceiling.h"
#include "runtime/cross_entropy.h"
#include "runtime/elementwise.h"
#include "runtime/layer_norm.h"
#include "runtime/matmul.h"
#include "runtime/random.h"
#include "runtime/rope.h"
#include "runtime/routing.h"
#include "runtime/swiglu.h"

namespace bam {
namespace {

struct Device {
  Memory memory;
  Stream stream{memory};

  Tensor values(const Shape& shape, DType dtype) {
    const Tensor exact(stream, shape, DType::kFloat32);
    fill_normal(stream, Random(1, "bench"), 1.0, 0, exact);
    Tensor out(stream, shape, dtype);
    copy(stream, exact, out);
    return out;
  }
};

DType dtype_of_argument(std::int64_t argument) {
  return argument == 16 ? DType::kBFloat16 : DType::kFloat32;
}

void report(benchmark::State& state, Device& device, DType dtype, double operations) {
  const double ceiling = measure_ceiling(device.stream, dtype, CeilingEffort::kQuick);
  const double total = operations * static_cast<double>(state.iterations());
  state.counters["flops"] = benchmark::Counter(total, benchmark::Counter::kIsRate);
  state.counters["of_ceiling"] = benchmark::Counter(total / ceiling, benchmark::Counter::kIsRate);
}

void report_bytes(benchmark::State& state, double bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
}

void product(benchmark::State& state) {
  Device device;
  const DType dtype = dtype_of_argument(state.range(0));
  const std::int64_t m = state.range(1);
  const std::int64_t k = state.range(2);
  const std::int64_t n = state.range(3);
  const Tensor a = device.values({m, k}, dtype);
  const Tensor b = device.values({n, k}, dtype);
  const Tensor c(device.stream, {m, n}, dtype);
  for (auto _ : state) {
    matmul(device.stream, a, transposed(b), c);
  }
  report(state, device, dtype, 2.0 * static_cast<double>(m * k * n));
}
BENCHMARK(product)
    ->ArgNames({"bits", "m", "k", "n"})
    ->ArgsProduct({{32, 16}, {2048}, {512}, {512, 2048}})
    ->ArgsProduct({{32, 16}, {2048}, {128}, {128}})
    ->UseRealTime();

void weight_gradient(benchmark::State& state) {
  Device device;
  const DType dtype = dtype_of_argument(state.range(0));
  const Tensor dy = device.values({state.range(1), 2048}, dtype);
  const Tensor x = device.values({state.range(1), 512}, dtype);
  const Tensor c = device.values({2048, 512}, DType::kFloat32);
  for (auto _ : state) {
    matmul(device.stream, transposed(dy), x, c, Write::kAdd);
  }
  report(state, device, dtype, 2.0 * 2048 * 512 * static_cast<double>(state.range(1)));
}
BENCHMARK(weight_gradient)
    ->ArgNames({"bits", "rows"})
    ->ArgsProduct({{32, 16}, {2048, 1037}})
    ->UseRealTime();

// What routed experts see: another number of rows each time.
void product_of_varying_rows(benchmark::State& state) {
  Device device;
  const DType dtype = dtype_of_argument(state.range(0));
  const Tensor x = device.values({1300, 512}, dtype);
  const Tensor dy = device.values({1300, 512}, dtype);
  const Tensor weight = device.values({512, 512}, dtype);
  const Tensor y(device.stream, {1300, 512}, dtype);
  const Tensor gradient = device.values({512, 512}, DType::kFloat32);
  std::int64_t rows = 1000;
  double operations = 0;
  for (auto _ : state) {
    matmul(device.stream, x.slice(0, rows), transposed(weight), y.slice(0, rows));
    matmul(device.stream, transposed(dy.slice(0, rows)), x.slice(0, rows), gradient, Write::kAdd);
    operations += 4.0 * 512 * 512 * static_cast<double>(rows);
    rows = 800 + (rows * 31 + 17) % 500;
  }
  report(state, device, dtype, operations / static_cast<double>(state.iterations()));
}
BENCHMARK(product_of_varying_rows)->ArgName("bits")->Arg(32)->Arg(16)->UseRealTime();

struct Heads {
  explicit Heads(Device& device, DType dtype, std::int64_t length)
      : shape{.sequences = 2, .length = length, .heads = 8, .kv_heads = 8, .head_dim = 64},
        q(device.values({shape.keys(), 512}, dtype)),
        rows(device.stream, {shape.keys()}, DType::kInt32),
        starts(device.stream, {shape.keys()}, DType::kInt32),
        out(device.stream, {shape.keys(), 512}, dtype),
        log_sums(device.stream, {shape.keys(), 8}, DType::kFloat32) {
    for (int row = 0; row < shape.keys(); ++row) {
      rows.data<std::int32_t>()[row] = row;
      starts.data<std::int32_t>()[row] = row / static_cast<int>(length) * static_cast<int>(length);
    }
    attention(device.stream, shape, q, q, q, rows, starts, out, log_sums);
  }

  // Two products over half the square of queries and keys.
  double operations() const {
    return 2.0 * static_cast<double>(shape.keys() * shape.length * shape.heads * shape.head_dim);
  }

  AttentionShape shape;
  Tensor q, rows, starts, out, log_sums;
};

void attention_forward(benchmark::State& state) {
  Device device;
  const DType dtype = dtype_of_argument(state.range(0));
  const Heads heads(device, dtype, state.range(1));
  for (auto _ : state) {
    attention(device.stream, heads.shape, heads.q, heads.q, heads.q, heads.rows, heads.starts,
              heads.out, heads.log_sums);
  }
  report(state, device, dtype, heads.operations());
}
BENCHMARK(attention_forward)
    ->ArgNames({"bits", "length"})
    ->ArgsProduct({{32, 16}, {512, 2048}})
    ->UseRealTime();

void attention_backward(benchmark::State& state) {
  Device device;
  const DType dtype = dtype_of_argument(state.range(0));
  const Heads heads(device, dtype, state.range(1));
  const Tensor d_out = device.values(heads.q.shape(), dtype);
  const Tensor dq(device.stream, heads.q.shape(), dtype);
  const Tensor dk(device.stream, heads.q.shape(), dtype);
  const Tensor dv(device.stream, heads.q.shape(), dtype);
  for (auto _ : state) {
    bam::attention_backward(device.stream, heads.shape, heads.q, heads.q, heads.q, heads.rows,
                            heads.starts, heads.out, heads.log_sums, d_out, dq, dk, dv);
  }
  report(state, device, dtype, 2.5 * heads.operations());
}
BENCHMARK(attention_backward)
    ->ArgNames({"bits", "length"})
    ->ArgsProduct({{32, 16}, {512, 2048}})
    ->UseRealTime();

constexpr std::int64_t kRows = 2048;

void norm(benchmark::State& state) {
  Device device;
  const DType dtype = dtype_of_argument(state.range(0));
  const Tensor x = device.values({kRows, 512}, DType::kFloat32);
  const Tensor weight = device.values({512}, DType::kFloat32);
  const Tensor h(device.stream, {kRows, 512}, dtype);
  const Tensor statistics(device.stream, {kRows, 2}, DType::kFloat32);
  for (auto _ : state) {
    layer_norm(device.stream, x, weight, 1e-5, h, statistics);
  }
  report_bytes(state, static_cast<double>(x.bytes() + h.bytes()));
}
BENCHMARK(norm)->ArgName("bits")->Arg(32)->Arg(16)->UseRealTime();

void norm_backward(benchmark::State& state) {
  Device device;
  const DType dtype = dtype_of_argument(state.range(0));
  const Tensor x = device.values({kRows, 512}, DType::kFloat32);
  const Tensor weight = device.values({512}, DType::kFloat32);
  const Tensor h = device.values({kRows, 512}, dtype);
  const Tensor statistics = device.values({kRows, 2}, DType::kFloat32);
  const Tensor gradient = device.values({512}, DType::kFloat32);
  const Tensor dx = device.values({kRows, 512}, DType::kFloat32);
  for (auto _ : state) {
    layer_norm_backward(device.stream, x, weight, statistics, h, dx, gradient);
  }
  report_bytes(state, static_cast<double>(3 * x.bytes() + h.bytes()));
}
BENCHMARK(norm_backward)->ArgName("bits")->Arg(32)->Arg(16)->UseRealTime();

void swiglu_forward(benchmark::State& state) {
  Device device;
  const DType dtype = dtype_of_argument(state.range(0));
  const Tensor gate_up = device.values({kRows, 2 * 1408}, dtype);
  const Tensor out(device.stream, {kRows, 1408}, dtype);
  for (auto _ : state) {
    swiglu(device.stream, gate_up, out);
  }
  report_bytes(state, static_cast<double>(3 * out.bytes()));
}
BENCHMARK(swiglu_forward)->ArgName("bits")->Arg(32)->Arg(16)->UseRealTime();

void swiglu_backward(benchmark::State& state) {
  Device device;
  const DType dtype = dtype_of_argument(state.range(0));
  const Tensor gate_up = device.values({kRows, 2 * 1408}, dtype);
  const Tensor d_out = device.values({kRows, 1408}, dtype);
  const Tensor d_gate_up(device.stream, gate_up.shape(), dtype);
  const Tensor out(device.stream, d_out.shape(), dtype);
  for (auto _ : state) {
    bam::swiglu_backward(device.stream, gate_up, d_out, d_gate_up, out);
  }
  report_bytes(state, static_cast<double>(6 * out.bytes()));
}
BENCHMARK(swiglu_backward)->ArgName("bits")->Arg(32)->Arg(16)->UseRealTime();

void rope_forward(benchmark::State& state) {
  Device device;
  const Tensor x = device.values({kRows, 512}, dtype_of_argument(state.range(0)));
  const Tensor positions(device.stream, {kRows}, DType::kInt32);
  std::iota(positions.span<std::int32_t>().begin(), positions.span<std::int32_t>().end(), 0);
  const Tensor table = rope_table(device.stream, kRows, 64, 1e4);
  for (auto _ : state) {
    rope(device.stream, x, positions, table, Rotation::kForward);
  }
  report_bytes(state, static_cast<double>(2 * x.bytes()));
}
BENCHMARK(rope_forward)->ArgName("bits")->Arg(32)->Arg(16)->UseRealTime();

void loss_and_gradient(benchmark::State& state) {
  Device device;
  const Tensor logits = device.values({kRows, 8192}, dtype_of_argument(state.range(0)));
  const Tensor targets(device.stream, {kRows}, DType::kInt32);
  std::iota(targets.span<std::int32_t>().begin(), targets.span<std::int32_t>().end(), 0);
  const Tensor losses(device.stream, {kRows}, DType::kFloat32);
  const Tensor gradient(device.stream, logits.shape(), logits.dtype());
  for (auto _ : state) {
    cross_entropy_with_gradient(device.stream, logits, targets, 1.0, losses, gradient);
  }
  report_bytes(state, static_cast<double>(logits.bytes() + gradient.bytes()));
}
BENCHMARK(loss_and_gradient)->ArgName("bits")->Arg(32)->Arg(16)->UseRealTime();

void adamw_step(benchmark::State& state) {
  Device device;
  const Shape shape{16 << 20};
  const Tensor g = device.values(shape, DType::kFloat32);
  const Tensor w = device.values(shape, DType::kFloat32);
  const Tensor m = device.values(shape, DType::kFloat32);
  const Tensor v(device.stream, shape, DType::kFloat32);
  fill_zero(device.stream, v);
  const std::vector<AdamwPiece> pieces = {{g, w, m, v, 0.1}};
  for (auto _ : state) {
    adamw(device.stream, {1e-3, 0.9, 0.95, 1e-8, 1.0, 1}, pieces);
  }
  report_bytes(state, static_cast<double>(7 * g.bytes()));
}
BENCHMARK(adamw_step)->UseRealTime();

void combine(benchmark::State& state) {
  Device device;
  const DType dtype = dtype_of_argument(state.range(0));
  const Tensor answers = device.values({2 * kRows, 512}, dtype);
  const Tensor slots(device.stream, {kRows, 2}, DType::kInt32);
  for (int i = 0; i < 2 * kRows; ++i) {
    slots.data<std::int32_t>()[i] = static_cast<std::int32_t>(i * 1237 % (2 * kRows));
  }
  const Tensor gates = device.values({kRows, 2}, DType::kFloat32);
  const Tensor sum = device.values({kRows, 512}, DType::kFloat32);
  for (auto _ : state) {
    combine_rows(device.stream, answers, slots, gates, sum);
  }
  report_bytes(state, static_cast<double>(answers.bytes() + 2 * sum.bytes()));
}
BENCHMARK(combine)->ArgName("bits")->Arg(32)->Arg(16)->UseRealTime();

}  // namespace
}  // namespace bam
