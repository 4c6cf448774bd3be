// What a GPU reaches: gpu_bench [cuda|cpu]. Two ceilings measured first (products of 8192^3 in
// bf16, and a copy of 1 GiB), then every kernel at the sizes of the paper's 2B model against the
// one that bounds it, then whole steps without the optimiser. One line each.
#include <algorithm>
#include <iomanip>
#include <iostream>

#include "model/flops.h"
#include "model/transformer.h"
#include "runtime/adamw.h"
#include "runtime/attention.h"
#include "runtime/cross_entropy.h"
#include "runtime/elementwise.h"
#include "runtime/host.h"
#include "runtime/layer_norm.h"
#include "runtime/matmul.h"
#include "runtime/random.h"
#include "runtime/rope.h"
#include "runtime/routing.h"
#include "runtime/swiglu.h"

namespace bam {
namespace {

constexpr DType kBf16 = DType::kBFloat16;
constexpr DType kFp32 = DType::kFloat32;
constexpr std::int64_t kTokens = 8192;
constexpr std::int64_t kLength = 2048;
constexpr std::int64_t kWidth = 2304;
constexpr std::int64_t kHidden = 9216;

// Where it runs, and how large: a CPU takes a sixty-fourth, to try the program out.
class Bench {
 public:
  explicit Bench(DeviceKind kind)
      : memory_(kind), stream_(memory_), scale_(kind == DeviceKind::kCuda ? 1 : 64) {}

  Stream& stream() { return stream_; }
  std::int64_t scaled(std::int64_t rows) const { return rows / scale_; }

  /// Random values: a million drawn ones over and over.
  Tensor values(const Shape& shape, DType dtype) {
    Tensor out(stream_, shape, dtype);
    fill_random(out);
    return out;
  }
  void fill_random(const Tensor& out) {
    const Tensor flat = out.reshape({out.elements()});
    for (std::int64_t begin = 0; begin < out.elements(); begin += kDrawn) {
      const std::int64_t end = std::min(begin + kDrawn, out.elements());
      copy(stream_, drawn().slice(0, end - begin), flat.slice(begin, end));
    }
  }

  /// Median seconds of a call, of 9 runs of calls that fill a hundredth of a second each.
  double seconds(const std::function<void()>& body) {
    const double once = timed(1, body);
    const int calls = std::clamp(static_cast<int>(0.01 / timed(1, body)), 1, 100);
    if (once > 5) {
      return once;
    }
    std::vector<double> runs;
    for (int i = 0; i < 9; ++i) {
      runs.push_back(timed(calls, body) / calls);
    }
    std::ranges::nth_element(runs, runs.begin() + 4);
    return runs[4];
  }

  /// One line of the table.
  void operations(const char* name, double count, const std::function<void()>& body) {
    line(name, seconds(body), count, flops_, 1e-12, "TFLOP/s");
  }
  void bytes(const char* name, double count, const std::function<void()>& body) {
    line(name, seconds(body), count, bandwidth_, 1e-9, "GB/s");
  }
  void ceilings() {
    const std::int64_t n = scale_ == 1 ? 8192 : 512;
    const Tensor a = values({n, n}, kBf16);
    const Tensor b = values({n, n}, kBf16);
    const Tensor c(stream_, {n, n}, kBf16);
    const double product = seconds([&] { matmul(stream_, a, transposed(b), c); });
    flops_ = 2.0 * static_cast<double>(n * n * n) / product;
    const Tensor from = values({scaled(std::int64_t{1} << 28)}, kFp32);
    const Tensor to(stream_, from.shape(), kFp32);
    const double copied = seconds([&] { copy(stream_, from, to); });
    bandwidth_ = 2.0 * static_cast<double>(from.bytes()) / copied;
    std::cout << "ceilings: bf16 products " << flops_ * 1e-12 << " TFLOP/s, copy "
              << bandwidth_ * 1e-9 << " GB/s" << std::endl;
  }

 private:
  static constexpr std::int64_t kDrawn = std::int64_t{1} << 20;

  const Tensor& drawn() {
    if (drawn_.empty()) {
      drawn_ = Tensor(stream_, {kDrawn}, kFp32);
      fill_normal(stream_, Random(1, "bench"), 0.02, 0, drawn_);
    }
    return drawn_;
  }
  double timed(int calls, const std::function<void()>& body) {
    stream_.synchronise();
    const double begin = Trace::now();
    for (int i = 0; i < calls; ++i) {
      body();
    }
    stream_.synchronise();
    return Trace::now() - begin;
  }
  static void line(const char* name, double seconds, double count, double ceiling, double unit,
                   const char* unit_name) {
    std::cout << std::left << std::setw(34) << name << std::right << std::fixed
              << std::setprecision(3) << std::setw(11) << seconds * 1e3 << " ms" << std::setw(11)
              << std::setprecision(1) << count / seconds * unit << " " << unit_name << std::setw(7)
              << 100 * count / seconds / ceiling << " %" << std::endl;
  }

  Memory memory_;
  Stream stream_;
  std::int64_t scale_;
  Tensor drawn_;
  double flops_ = 1;
  double bandwidth_ = 1;
};

double bytes_of_all(const std::vector<Tensor>& tensors) {
  double sum = 0;
  for (const Tensor& tensor : tensors) {
    sum += static_cast<double>(tensor.bytes());
  }
  return sum;
}

void product(Bench& bench, const char* name, std::int64_t m, std::int64_t k, std::int64_t n) {
  const Tensor x = bench.values({m, k}, kBf16);
  const Tensor w = bench.values({n, k}, kBf16);
  const Tensor y(bench.stream(), {m, n}, kBf16);
  const Tensor dw(bench.stream(), {n, k}, kFp32);
  fill_zero(bench.stream(), dw);
  const double count = 2.0 * static_cast<double>(m * k * n);
  std::cout << name << std::endl;
  bench.operations("  y = x W^T", count, [&] { matmul(bench.stream(), x, transposed(w), y); });
  bench.operations("  dx = dy W", count, [&] { matmul(bench.stream(), y, w, x); });
  bench.operations("  dW += dy^T x, fp32", count,
                   [&] { matmul(bench.stream(), transposed(y), x, dw, Write::kAdd); });
}

// What FFN experts ask of products, together and one after the other.
void expert_lines(Bench& bench, std::int64_t experts) {
  Stream& stream = bench.stream();
  const std::int64_t rows = bench.scaled(kTokens) / experts;
  const Tensor x = bench.values({experts * rows, kWidth}, kBf16);
  const Tensor w = bench.values({experts * kHidden, kWidth}, kBf16);
  const Tensor y(stream, {experts * rows, kHidden}, kBf16);
  std::vector<Product> products;
  for (std::int64_t e = 0; e < experts; ++e) {
    products.push_back({x.slice(e * rows, (e + 1) * rows),
                        transposed(w.slice(e * kHidden, (e + 1) * kHidden)),
                        y.slice(e * rows, (e + 1) * rows)});
  }
  const double count = 2.0 * static_cast<double>(experts * rows * kWidth * kHidden);
  std::cout << "FFN up of " << experts << " experts, " << rows << " tokens each" << std::endl;
  bench.operations("  together", count, [&] { matmul_each(stream, products); });
  bench.operations("  one after the other", count, [&] {
    for (const Product& product : products) {
      matmul(stream, product.a, product.b, product.c);
    }
  });
}

void attention_lines(Bench& bench) {
  const std::int64_t sequences = std::max<std::int64_t>(1, bench.scaled(kTokens / kLength));
  const std::int64_t length = bench.scaled(kTokens) / sequences;
  const AttentionShape shape{sequences, length, 18, 6, 128};
  const std::int64_t n = shape.keys();
  Stream& stream = bench.stream();
  const Tensor q = bench.values({n, kWidth}, kBf16);
  const Tensor k = bench.values({n, 6 * 128}, kBf16);
  const Tensor v = bench.values({n, 6 * 128}, kBf16);
  std::vector<std::int32_t> rows;
  std::vector<std::int32_t> starts;
  for (std::int64_t i = 0; i < n; ++i) {
    rows.push_back(static_cast<std::int32_t>(i));
    starts.push_back(static_cast<std::int32_t>(i / length * length));
  }
  const Tensor places = to_device(stream, {n}, rows);
  const Tensor documents = to_device(stream, {n}, starts);
  const Tensor out(stream, {n, kWidth}, kBf16);
  const Tensor log_sums(stream, {n, 18}, kFp32);
  const Tensor dq(stream, q.shape(), kBf16);
  const Tensor dk(stream, k.shape(), kBf16);
  const Tensor dv(stream, v.shape(), kBf16);
  const double pairs = static_cast<double>(sequences * length * (length + 1) / 2);
  const double count = 4.0 * pairs * static_cast<double>(kWidth);
  bench.operations("attention (causal half counted)", count,
                   [&] { attention(stream, shape, q, k, v, places, documents, out, log_sums); });
  bench.operations("attention backward (5 products)", 2.5 * count, [&] {
    attention_backward(stream, shape, q, k, v, places, documents, out, log_sums, out, dq, dk, dv);
  });
}

void row_lines(Bench& bench) {
  Stream& stream = bench.stream();
  const std::int64_t n = bench.scaled(kTokens);
  const Tensor x = bench.values({n, kWidth}, kFp32);
  const Tensor weight = bench.values({kWidth}, kFp32);
  const Tensor h = bench.values({n, kWidth}, kBf16);
  const Tensor statistics(stream, {n, 2}, kFp32);
  bench.bytes("layer norm", bytes_of_all({x, h}),
              [&] { layer_norm(stream, x, weight, 1e-5, h, statistics); });
  const Tensor dx = bench.values({n, kWidth}, kFp32);
  bench.bytes("layer norm backward", bytes_of_all({x, h, dx, dx}),
              [&] { layer_norm_backward(stream, x, weight, statistics, h, dx, weight); });
  const Tensor gate = bench.values({n, kHidden}, kBf16);
  const Tensor up = bench.values({n, kHidden}, kBf16);
  const Tensor out(stream, gate.shape(), kBf16);
  bench.bytes("swiglu", bytes_of_all({gate, up, out}), [&] { swiglu(stream, gate, up, out); });
  bench.bytes("swiglu backward", 2 * bytes_of_all({gate, up, out}),
              [&] { swiglu_backward(stream, gate, up, out, gate, up, out); });
  const std::int64_t rows = bench.scaled(4096);
  const Tensor logits = bench.values({rows, 32000}, kFp32);
  const Tensor gradient(stream, logits.shape(), kBf16);
  const Tensor losses(stream, {rows}, kFp32);
  const Tensor targets =
      to_device(stream, {rows}, std::vector<std::int32_t>(static_cast<std::size_t>(rows), 7));
  bench.bytes("loss and gradient", bytes_of_all({logits, logits, gradient}),
              [&] { cross_entropy_with_gradient(stream, logits, targets, 1.0, losses, gradient); });
}

void routing_lines(Bench& bench) {
  Stream& stream = bench.stream();
  const std::int64_t n = bench.scaled(kTokens);
  const Tensor probabilities = bench.values({n, 4}, kFp32);
  const Tensor log_sums(stream, {n}, kFp32);
  softmax_rows(stream, probabilities, probabilities, log_sums);
  const Tensor choices(stream, {n, 2}, DType::kInt32);
  const Tensor gates(stream, {n, 2}, kFp32);
  top_k(stream, probabilities, choices);
  chosen_gates(stream, probabilities, choices, Gates::kAsTheyAre, gates);
  const std::vector<int> experts = {0, 1, 2, 3};
  const ExpertOrder order = order_by_expert(stream, choices, experts);
  bench.bytes("order by expert", bytes_of_all({choices, choices, choices}),
              [&] { static_cast<void>(order_by_expert(stream, choices, experts)); });
  const Tensor h = bench.values({n, kWidth}, kBf16);
  const Tensor outbox(stream, {2 * n, kWidth}, kBf16);
  bench.bytes("gather rows", 2 * bytes_of_all({outbox}),
              [&] { gather_rows(stream, h, order.token_of_row, outbox); });
  const Tensor sum = bench.values({n, kWidth}, kFp32);
  bench.bytes("combine rows", bytes_of_all({outbox, sum, sum}),
              [&] { combine_rows(stream, outbox, order.row_of_slot, gates, sum); });
  const Tensor d_answers(stream, outbox.shape(), kBf16);
  const Tensor d_gates(stream, gates.shape(), kFp32);
  bench.bytes("combine rows backward", bytes_of_all({outbox, sum, d_answers}), [&] {
    combine_rows_backward(stream, outbox, order.row_of_slot, gates, sum, d_answers, d_gates);
  });
  const Tensor w = bench.values({bench.scaled(std::int64_t{1} << 26)}, kFp32);
  std::vector<AdamwPiece> pieces;
  for (std::int64_t begin = 0; begin < w.elements(); begin += w.elements() / 64) {
    const Tensor part = w.slice(begin, begin + w.elements() / 64);
    pieces.push_back({part, Tensor(stream, part.shape(), kFp32),
                      Tensor(stream, part.shape(), kFp32), Tensor(stream, part.shape(), kFp32),
                      0.1});
    for (const Tensor* zero :
         {&pieces.back().weight, &pieces.back().first_moment, &pieces.back().second_moment}) {
      fill_zero(stream, *zero);
    }
  }
  bench.bytes("adamw, 64 pieces", 7 * bytes_of_all({w}), [&] {
    adamw(stream, {1e-3, 0.9, 0.95, 1e-8, 1.0, 1}, pieces);
  });
}

// A model on one GPU, with random weights, and a batch for it.
class StepBench {
 public:
  StepBench(Bench& bench, const ModelConfig& config)
      : stream_(bench.stream()),
        config_(config),
        placement_(round_robin(config, 1)),
        store_(stream_, config, placement_, 0, Precision::kBFloat16,
               ParameterStore::Gradients::kTrained),
        model_(stream_, config, store_, placement_, exchange_, {.precision = Precision::kBFloat16}),
        batch_(batch(bench.scaled(kLength))) {
    for (const Parameter& parameter : store_.parameters()) {
      bench.fill_random(parameter.value);
    }
  }

  double flops() const {
    return training_flops(config_, kSequences, static_cast<double>(batch_.length));
  }
  void run(Saved& saved, double capacity_factor) {
    store_.zero_gradients(stream_);
    model_.forward(stream_, batch_, Keep::kAll, saved, capacity_factor);
    const auto rows = static_cast<double>(batch_.rows());
    model_.losses_and_gradient(stream_, batch_, saved, 1 / rows);
    model_.backward(stream_, batch_, saved, balance_terms(config_, saved.routing, 1.0, rows));
  }

 private:
  static constexpr std::int64_t kSequences = 4;

  Batch batch(std::int64_t length) {
    const Shape shape = {kSequences * length};
    std::vector<std::int32_t> tokens;
    std::vector<std::int32_t> starts;
    for (std::int64_t i = 0; i < shape[0]; ++i) {
      tokens.push_back(static_cast<std::int32_t>(i * 7919 % config_.vocabulary));
      starts.push_back(static_cast<std::int32_t>(i / length * length));
    }
    return {kSequences,
            length,
            to_device(stream_, shape, tokens),
            to_device(stream_, shape, tokens),
            to_device(stream_, shape, starts),
            std::vector<int>(kSequences),
            {kSequences}};
  }

  Stream& stream_;
  ModelConfig config_;
  LocalExchange exchange_;
  Placement placement_;
  ParameterStore store_;
  Transformer model_;
  Batch batch_;
};

// The first as they are given piece by piece; then recorded, experts with a fixed number of rows.
void step_lines(Bench& bench, const char* name, const ModelConfig& config) {
  StepBench step(bench, config);
  const auto once = [&] {
    Saved saved;
    step.run(saved, 0);
  };
  bench.operations(name, step.flops(), once);
  const std::int64_t before = bench.stream().waits();
  once();
  std::cout << "  the host waited " << bench.stream().waits() - before << " times" << std::endl;
  if (bench.stream().device() == DeviceKind::kCpu) {
    return;
  }
  const double capacity_factor = config.mixture ? 1.25 : 0;
  bench.stream().memory().trim();
  Saved saved;
  saved.recording.begin(Recording::Pass::kRecord);
  step.run(saved, capacity_factor);
  bench.operations("  the same as CUDA graphs", step.flops(), [&] {
    saved.recording.begin(Recording::Pass::kReplay);
    step.run(saved, capacity_factor);
  });
  std::cout << (saved.has_overflow ? "  (with tokens left out: more than 1.25 times an even part)\n"
                                   : "");
}

ModelConfig dense(int d_model, int layers, int heads, int kv_heads, int hidden) {
  return {.vocabulary = 32000,
          .d_model = d_model,
          .n_layers = layers,
          .n_heads = heads,
          .n_kv_heads = kv_heads,
          .ffn_hidden = hidden,
          .mixture = std::nullopt};
}

ModelConfig mixed(ModelConfig config) {
  config.mixture = MixtureConfig{.attention = AttentionMixture{.experts = 4},
                                 .ffn = FfnMixture{.experts = 4, .top_k = 1}};
  return config;
}

int run(DeviceKind kind) {
  const std::string obstacle = obstacle_to(kind);
  if (!obstacle.empty()) {
    std::cout << "skipped: " << obstacle << std::endl;
    return 77;
  }
  Bench bench(kind);
  bench.ceilings();
  const std::int64_t n = bench.scaled(kTokens);
  product(bench, "FFN up, 8192 tokens", n, kWidth, kHidden);
  product(bench, "attention out, 8192 tokens", n, kWidth, kWidth);
  expert_lines(bench, 4);
  expert_lines(bench, 16);
  attention_lines(bench);
  row_lines(bench);
  routing_lines(bench);
  const int fewer = kind == DeviceKind::kCuda ? 1 : 6;  // layers, on a CPU
  step_lines(bench, "590M shape, step w/o optimiser", dense(1024, 6 / fewer, 8, 8, 2048));
  step_lines(bench, "590M BAM, step w/o optimiser", mixed(dense(1024, 6 / fewer, 8, 8, 2048)));
  step_lines(bench, "2B dense, step w/o optimiser", dense(2304, 18 / fewer, 18, 6, 9216));
  step_lines(bench, "2B BAM, step w/o optimiser", mixed(dense(2304, 18 / fewer, 18, 6, 9216)));
  return 0;
}

}  // namespace
}  // namespace bam

int main(int argc, char** argv) {
  const bool on_cpu = argc > 1 && std::string(argv[1]) == "cpu";
  return bam::run(on_cpu ? bam::DeviceKind::kCpu : bam::DeviceKind::kCuda);
}
