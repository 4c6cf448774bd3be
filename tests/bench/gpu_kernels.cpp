#include "tests/bench/gpu_kernels.h"

#include <algorithm>
#include <iostream>

#include "runtime/adamw.h"
#include "runtime/attention.h"
#include "runtime/cross_entropy.h"
#include "runtime/device.h"
#include "runtime/elementwise.h"
#include "runtime/embedding.h"
#include "runtime/host.h"
#include "runtime/layer_norm.h"
#include "runtime/matmul.h"
#include "runtime/rope.h"
#include "runtime/swiglu.h"
#include "tests/bench/gpu_grouped.h"

namespace bam {
namespace {

constexpr DType kBf16 = DType::kBFloat16;
constexpr DType kFp32 = DType::kFloat32;
constexpr std::int64_t kTokens = 8192;
constexpr std::int64_t kLength = 2048;
constexpr std::int64_t kWidth = 2304;
constexpr std::int64_t kHeads = 18;
constexpr std::int64_t kHidden = 9216;
constexpr std::int64_t kVocabulary = 32000;

// n numbers of a rule, on the device.
Tensor numbers(GpuTable& table, std::int64_t n,
               const std::function<std::int64_t(std::int64_t)>& rule) {
  std::vector<std::int32_t> values;
  for (std::int64_t i = 0; i < n; ++i) {
    values.push_back(static_cast<std::int32_t>(rule(i)));
  }
  return to_device(table.stream(), {n}, values);
}

void product(GpuTable& table, const char* name, std::int64_t m, std::int64_t k, std::int64_t n) {
  const Tensor x = table.values({m, k}, kBf16);
  const Tensor w = table.values({n, k}, kBf16);
  const Tensor y(table.stream(), {m, n}, kBf16);
  const Tensor dw(table.stream(), {n, k}, kFp32);
  fill_zero(table.stream(), dw);
  const double count = 2.0 * static_cast<double>(m * k * n);
  std::cout << name << std::endl;
  table.operations("  y = x W^T", count, [&] { matmul(table.stream(), x, transposed(w), y); });
  table.operations("  dx = dy W", count, [&] { matmul(table.stream(), y, w, x); });
  table.operations("  dW += dy^T x, fp32", count,
                   [&] { matmul(table.stream(), transposed(y), x, dw, Write::kAdd); });
}

// What FFN experts ask of products, together and one after the other: where matmul_each is to draw
// the line between them.
void expert_lines(GpuTable& table, std::int64_t experts, std::int64_t hidden) {
  Stream& stream = table.stream();
  const std::int64_t rows = table.scaled(kTokens) / experts;
  const Tensor x = table.values({experts * rows, kWidth}, kBf16);
  const Tensor w = table.values({experts * hidden, kWidth}, kBf16);
  const Tensor y(stream, {experts * rows, hidden}, kBf16);
  std::vector<Product> products;
  for (std::int64_t e = 0; e < experts; ++e) {
    products.push_back({x.slice(e * rows, (e + 1) * rows),
                        transposed(w.slice(e * hidden, (e + 1) * hidden)),
                        y.slice(e * rows, (e + 1) * rows)});
  }
  const double count = 2.0 * static_cast<double>(experts * rows * kWidth * hidden);
  std::cout << "FFN up of " << experts << " experts, " << rows << " tokens each, " << hidden
            << " wide" << std::endl;
  if (multiply_together(stream, products)) {
    table.operations("  together", count, [&] { multiply_together(stream, products); });
  }
  table.operations("  one after the other", count, [&] {
    for (const Product& product : products) {
      matmul(stream, product.a, product.b, product.c);
    }
  });
}

// Of sequences cut into so many documents each; whether cuDNN is asked for them. Where backward in
// any order has a name, there is a line of it too.
void attention_lines(GpuTable& table, const char* name, const char* backward_name, std::int64_t cut,
                     bool is_known, const char* any_order_name = nullptr) {
  const std::int64_t sequences = std::max<std::int64_t>(1, table.scaled(kTokens / kLength));
  const std::int64_t length = table.scaled(kTokens) / sequences / cut * cut;
  AttentionShape shape{sequences, length, 18, 6, 128};
  if (is_known) {
    shape.documents = cut == 1 ? AttentionShape::kWhole : sequences * cut;
  }
  const std::int64_t n = shape.keys();
  Stream& stream = table.stream();
  const Tensor q = table.values({n, kWidth}, kBf16);
  const Tensor k = table.values({n, 6 * 128}, kBf16);
  const Tensor v = table.values({n, 6 * 128}, kBf16);
  const Tensor places = numbers(table, n, [](std::int64_t i) { return i; });
  const std::int64_t document = length / cut;
  const Tensor documents =
      numbers(table, n, [&](std::int64_t i) { return i / document * document; });
  const Tensor out(stream, {n, kWidth}, kBf16);
  const Tensor log_sums(stream, {n, 18}, kFp32);
  const Tensor dq(stream, q.shape(), kBf16);
  const Tensor dk(stream, k.shape(), kBf16);
  const Tensor dv(stream, v.shape(), kBf16);
  const double pairs = static_cast<double>(n * (document + 1) / 2);
  const double count = 4.0 * pairs * static_cast<double>(kWidth);
  table.operations(name, count,
                   [&] { attention(stream, shape, q, k, v, places, documents, out, log_sums); });
  const auto backward = [&] {
    attention_backward(stream, shape, q, k, v, places, documents, out, log_sums, out, dq, dk, dv);
  };
  table.operations(backward_name, 2.5 * count, backward);
  if (any_order_name != nullptr) {
    set_deterministic(stream, false);
    table.operations(any_order_name, 2.5 * count, backward);
    set_deterministic(stream, true);
  }
}

void norm_lines(GpuTable& table) {
  Stream& stream = table.stream();
  const std::int64_t n = table.scaled(kTokens);
  const Tensor x = table.values({n, kWidth}, kFp32);
  const Tensor weight = table.values({kWidth}, kFp32);
  const Tensor h = table.values({n, kWidth}, kBf16);
  const Tensor statistics(stream, {n, 2}, kFp32);
  table.bytes("layer norm", {x, h}, [&] { layer_norm(stream, x, weight, 1e-5, h, statistics); });
  const Tensor dx = table.values({n, kWidth}, kFp32);
  table.bytes("layer norm backward", {x, h, dx, dx},
              [&] { layer_norm_backward(stream, x, weight, statistics, h, dx, weight); });
}

void activation_lines(GpuTable& table) {
  Stream& stream = table.stream();
  const std::int64_t n = table.scaled(kTokens);
  const Tensor gate_up = table.values({n, 2 * kHidden}, kBf16);
  const Tensor out(stream, {n, kHidden}, kBf16);
  table.bytes("swiglu", {gate_up, out}, [&] { swiglu(stream, gate_up, out); });
  table.bytes("swiglu backward", {gate_up, out, gate_up, out},
              [&] { swiglu_backward(stream, gate_up, out, gate_up, out); });
}

void rope_lines(GpuTable& table) {
  Stream& stream = table.stream();
  const std::int64_t n = table.scaled(kTokens);
  const std::int64_t length = table.scaled(kLength);
  const Tensor angles = rope_table(stream, length, kWidth / kHeads, 10000);
  const Tensor q = table.values({n, kWidth}, kBf16);
  const Tensor positions = numbers(table, n, [&](std::int64_t i) { return i % length; });
  table.bytes("rope", {q, q, positions, angles},
              [&] { rope(stream, q, positions, angles, Rotation::kForward); });
  table.bytes("rope backward", {q, q, positions, angles},
              [&] { rope(stream, q, positions, angles, Rotation::kBackward); });
}

// All tokens differ; then, as of a comma, one in eight is the same.
void embedding_lines(GpuTable& table) {
  Stream& stream = table.stream();
  const std::int64_t n = table.scaled(kTokens);
  const auto token = [](std::int64_t i) { return i * 7919 % kVocabulary; };
  const Tensor tokens = numbers(table, n, token);
  const Tensor weight = table.values({kVocabulary, kWidth}, kBf16);
  const Tensor x = table.values({n, kWidth}, kFp32);
  table.bytes("embedding", {tokens, weight.slice(0, n), x},
              [&] { embedding(stream, tokens, weight, x); });
  const Tensor gradient(stream, weight.shape(), kFp32);
  fill_zero(stream, gradient);
  const Tensor rows = gradient.slice(0, n);
  table.bytes("embedding backward", {tokens, x, rows, rows},
              [&] { embedding_backward(stream, tokens, x, gradient); });
  const Tensor commas =
      numbers(table, n, [&](std::int64_t i) { return token(i % 8 == 0 ? 0 : i); });
  const Tensor fewer = gradient.slice(0, n - n / 8 + 1);
  table.bytes("  with one token 1,024 times", {commas, x, fewer, fewer},
              [&] { embedding_backward(stream, commas, x, gradient); });
}

void loss_lines(GpuTable& table) {
  Stream& stream = table.stream();
  const std::int64_t rows = table.scaled(8192);
  const Tensor logits = table.values({rows, kVocabulary}, kBf16);
  const Tensor gradient(stream, logits.shape(), kBf16);
  const Tensor losses(stream, {rows}, kFp32);
  const Tensor targets = numbers(table, rows, [](std::int64_t) { return 7; });
  table.bytes("loss and gradient", {logits, logits, gradient},
              [&] { cross_entropy_with_gradient(stream, logits, targets, 1.0, losses, gradient); });
}

void optimizer_lines(GpuTable& table) {
  Stream& stream = table.stream();
  const Tensor w = table.values({table.scaled(std::int64_t{1} << 26)}, kFp32);
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
  table.bytes("adamw, 64 pieces", std::vector<Tensor>(7, w), [&] {
    adamw(stream, {1e-3, 0.9, 0.95, 1e-8, 1.0, 1}, pieces);
  });
}

}  // namespace

void kernel_lines(GpuTable& table) {
  const std::int64_t n = table.scaled(kTokens);
  product(table, "FFN up, 8192 tokens", n, kWidth, kHidden);
  product(table, "attention out, 8192 tokens", n, kWidth, kWidth);
  expert_lines(table, 4, kHidden);
  expert_lines(table, 16, kHidden);
  expert_lines(table, 64, kHidden / 8);
  if (table.stream().device() == DeviceKind::kCuda && obstacle_to_cudnn().empty()) {
    attention_lines(table, "attention, cuDNN", "attention backward, cuDNN", 1, true,
                    "attention backward, cuDNN, any order");
    attention_lines(table, "4 documents each, cuDNN", "4 documents backward, cuDNN", 4, true,
                    "4 documents backward, cuDNN, any order");
    const std::string refusal = refusal_of_cudnn(table.stream());
    std::cout << (refusal.empty() ? "" : "cuDNN refused these: " + refusal + "\n") << std::flush;
  }
  attention_lines(table, "attention, own", "attention backward, own", 1, false);
  attention_lines(table, "4 documents each, own", "4 documents backward, own", 4, false);
  norm_lines(table);
  activation_lines(table);
  rope_lines(table);
  embedding_lines(table);
  loss_lines(table);
  optimizer_lines(table);
}

}  // namespace bam
