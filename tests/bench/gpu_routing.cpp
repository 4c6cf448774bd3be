#include "tests/bench/gpu_routing.h"

#include "runtime/elementwise.h"
#include "runtime/host.h"
#include "runtime/router_products.h"
#include "runtime/routing_tally.h"

namespace bam {
namespace {

constexpr DType kBf16 = DType::kBFloat16;
constexpr DType kFp32 = DType::kFloat32;
constexpr std::int64_t kTokens = 8192;
constexpr std::int64_t kLength = 2048;
constexpr std::int64_t kWidth = 2304;
constexpr std::int64_t kExperts = 4;
constexpr std::int64_t kChosen = 2;

// What a router made of its tokens.
struct RoutedTokens {
  RoutedTokens(Stream& stream, std::int64_t n)
      : probabilities(stream, {n, kExperts}, kFp32),
        log_sums(stream, {n}, kFp32),
        choices(stream, {n, kChosen}, DType::kInt32),
        gates(stream, {n, kChosen}, kFp32) {}

  Tensor probabilities;
  Tensor log_sums;
  Tensor choices;
  Tensor gates;
};

void product_lines(GpuTable& table, std::int64_t n) {
  Stream& stream = table.stream();
  const Tensor h = table.values({n, kWidth}, kBf16);
  const Tensor weight = table.values({kExperts, kWidth}, kFp32);
  const Tensor logits = table.values({n, kExperts}, kFp32);
  table.bytes("router logits", {h, weight, logits},
              [&] { router_logits(stream, h, weight, logits); });
  const Tensor dh = table.values({n, kWidth}, kFp32);
  table.bytes("router input gradient", {logits, weight, dh, dh},
              [&] { router_input_gradient(stream, logits, weight, dh); });
  const Tensor gradient(stream, weight.shape(), kFp32);
  fill_zero(stream, gradient);
  table.bytes("router weight gradient", {logits, h, gradient, gradient},
              [&] { router_weight_gradient(stream, logits, h, gradient); });
}

void gate_lines(GpuTable& table, const RoutedTokens& routed) {
  Stream& stream = table.stream();
  const Tensor& p = routed.probabilities;
  const Tensor logits = table.values(p.shape(), kFp32);
  table.bytes("softmax rows", {logits, p, routed.log_sums},
              [&] { softmax_rows(stream, logits, p, routed.log_sums); });
  table.bytes("top-k", {p, routed.choices}, [&] { top_k(stream, p, routed.choices); });
  table.bytes("chosen gates", {routed.choices, routed.gates, routed.gates},
              [&] { chosen_gates(stream, p, routed.choices, Gates::kAsTheyAre, routed.gates); });
  const Tensor dp(stream, p.shape(), kFp32);
  table.bytes("chosen gates backward", {routed.choices, routed.gates, dp}, [&] {
    chosen_gates_backward(stream, p, routed.choices, Gates::kAsTheyAre, routed.gates, dp);
  });
  table.bytes("softmax rows backward", {p, routed.log_sums, dp, logits},
              [&] { softmax_rows_backward(stream, p, routed.log_sums, 0.001, dp, logits); });
  table.bytes("routing numbers, with pairs", {p, routed.log_sums, routed.choices}, [&] {
    RoutingTally tally;
    tally.add(stream, p, routed.log_sums, routed.choices, table.scaled(kLength), Pairs::kCounted);
  });
}

ExpertOrder order_lines(GpuTable& table, const RoutedTokens& routed) {
  Stream& stream = table.stream();
  const Tensor& choices = routed.choices;
  const std::vector<int> experts = {0, 1, 2, 3};
  table.bytes("order by expert", {choices, choices, choices},
              [&] { static_cast<void>(order_by_expert(stream, choices, experts)); });
  ExpertOrder order = order_by_expert(stream, choices, experts);
  const std::int64_t capacity = choices.elements() * 5 / 4 / kExperts;
  const ExpertOrder roomy = padded(stream, order, capacity);
  table.bytes("padded to 1.25 times the rows",
              {order.token_of_row, order.row_of_slot, roomy.token_of_row, roomy.row_of_slot},
              [&] { static_cast<void>(padded(stream, order, capacity)); });
  return order;
}

// The rows of all tokens to their experts, and what came back of them.
void row_lines(GpuTable& table, const RoutedTokens& routed, const ExpertOrder& order) {
  Stream& stream = table.stream();
  const std::int64_t n = routed.choices.rows();
  const Tensor h = table.values({n, kWidth}, kBf16);
  const Tensor outbox(stream, {kChosen * n, kWidth}, kBf16);
  table.bytes("gather rows", {outbox, outbox},
              [&] { gather_rows(stream, h, order.token_of_row, outbox); });
  const Tensor sum = table.values({n, kWidth}, kFp32);
  table.bytes("combine rows", {outbox, sum, sum},
              [&] { combine_rows(stream, outbox, order.row_of_slot, routed.gates, sum); });
  const Tensor d_answers(stream, outbox.shape(), kBf16);
  const Tensor d_gates(stream, routed.gates.shape(), kFp32);
  table.bytes("combine rows backward", {outbox, sum, d_answers}, [&] {
    combine_rows_backward(stream, outbox, order.row_of_slot, routed.gates, sum, d_answers, d_gates);
  });
}

// Every other token's row, as those of an expert that half of them chose.
void scatter_line(GpuTable& table, std::int64_t n) {
  Stream& stream = table.stream();
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < n; i += 2) {
    tokens.push_back(static_cast<std::int32_t>(i));
  }
  const Tensor rows = to_device(stream, {n / 2}, tokens);
  const Tensor in = table.values({n / 2, kWidth}, kBf16);
  const Tensor sum = table.values({n, kWidth}, kFp32);
  const Tensor touched = sum.slice(0, n / 2);
  table.bytes("scatter-add rows", {rows, in, touched, touched},
              [&] { scatter_add_rows(stream, in, rows, sum); });
}

}  // namespace

void routing_lines(GpuTable& table) {
  const std::int64_t n = table.scaled(kTokens);
  const RoutedTokens routed(table.stream(), n);
  product_lines(table, n);
  gate_lines(table, routed);
  const ExpertOrder order = order_lines(table, routed);
  row_lines(table, routed, order);
  scatter_line(table, n);
}

}  // namespace bam
