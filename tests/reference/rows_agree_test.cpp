// What is done row by row, against the reference: norms, rotary positions, SwiGLU, embedding,
// output layer, routers.
#include <gtest/gtest.h>

#include "runtime/embedding.h"
#include "runtime/layer_norm.h"
#include "runtime/rope.h"
#include "runtime/sparse_gates.h"
#include "runtime/swiglu.h"
#include "tests/reference/attention.h"
#include "tests/reference/bridge.h"
#include "tests/reference/ffn.h"
#include "tests/reference/layer_norm.h"
#include "tests/reference/router.h"
#include "tests/reference/transformer.h"
#include "tests/runtime/tensors.h"

namespace bam::testing {
namespace {

constexpr double kBound = 1e-5;

using reference::Matrix;

Tensor normal(Stream& stream, const Shape& shape, std::string_view name) {
  return normal_tensor(stream, shape, DType::kFloat32, name);
}

Tensor zeros(Stream& stream, const Shape& shape) {
  Tensor out(stream, shape, DType::kFloat32);
  fill_zero(stream, out);
  return out;
}

// The left and the right columns.
std::pair<Matrix, Matrix> halves_of(const Matrix& whole) {
  Matrix left(whole.rows, whole.cols / 2);
  Matrix right = left;
  for (int i = 0; i < whole.rows; ++i) {
    for (int j = 0; j < left.cols; ++j) {
      left(i, j) = whole(i, j);
      right(i, j) = whole(i, j + left.cols);
    }
  }
  return {left, right};
}

TEST(RowsAgree, LayerNorm) {
  Device device;
  const Tensor x = normal(device.stream, {37, 48}, "x");
  const Tensor w = normal(device.stream, {48}, "w");
  const Tensor dh = normal(device.stream, {37, 48}, "dh");
  const Tensor h(device.stream, {37, 48}, DType::kFloat32);
  const Tensor statistics(device.stream, {37, 2}, DType::kFloat32);
  const Tensor dx = zeros(device.stream, {37, 48});
  const Tensor dw = zeros(device.stream, {48});
  layer_norm(device.stream, x, w, 1e-5, h, statistics);
  layer_norm_backward(device.stream, x, w, statistics, dh, dx, dw);

  Matrix expected_dw(1, 48);
  const Matrix expected_dx =
      reference::layer_norm_backward(matrix_of(x), matrix_of(w), 1e-5, matrix_of(dh), expected_dw);
  expect_close(matrix_of(h), reference::layer_norm(matrix_of(x), matrix_of(w), 1e-5), kBound, "h");
  expect_close(matrix_of(dx), expected_dx, kBound, "dx");
  expect_close(matrix_of(dw), expected_dw, kBound, "dw");
}

TEST(RowsAgree, RotaryPositions) {
  Device device;
  const reference::Config config{
      .d_model = 32, .heads = 4, .theta = 1e4, .attention = {}, .ffn = {}};
  const reference::Batch batch{.length = 100, .tokens = {}, .targets = {}, .starts = {}};
  const Tensor table = rope_table(device.stream, 100, 8, 1e4);
  std::vector<int> positions(200);
  for (int i = 0; i < 200; ++i) {
    positions[static_cast<std::size_t>(i)] = i % 100;
  }
  for (const Rotation rotation : {Rotation::kForward, Rotation::kBackward}) {
    const Tensor x = normal(device.stream, {200, 32}, "x");
    const double direction = rotation == Rotation::kForward ? 1 : -1;
    const Matrix expected = reference::rotated(config, batch, matrix_of(x), direction);
    rope(device.stream, x, int_tensor(device.stream, {200}, positions), table, rotation);
    expect_close(matrix_of(x), expected, kBound, "x");
  }
}

TEST(RowsAgree, Swiglu) {
  Device device;
  const Tensor gate_up = normal(device.stream, {37, 96}, "gate_up");
  const Tensor d_out = normal(device.stream, {37, 48}, "d_out");
  const Tensor out(device.stream, d_out.shape(), DType::kFloat32);
  const Tensor d_gate_up(device.stream, gate_up.shape(), DType::kFloat32);
  swiglu(device.stream, gate_up, out);
  const auto [gate, up] = halves_of(matrix_of(gate_up));
  expect_close(matrix_of(out), reference::swiglu(gate, up), kBound, "out");
  swiglu_backward(device.stream, gate_up, d_out, d_gate_up, out);
  const auto expected = reference::swiglu_backward(gate, up, matrix_of(d_out));
  const auto [d_gate, d_up] = halves_of(matrix_of(d_gate_up));
  expect_close(d_gate, expected.gate, kBound, "d_gate");
  expect_close(d_up, expected.up, kBound, "d_up");
}

TEST(RowsAgree, Embedding) {
  Device device;
  const Batch batch = random_batch(device.stream, small_dense(), 2, 40, 1);
  const Tensor table = normal(device.stream, {50, 32}, "table");
  const Tensor dx = normal(device.stream, {80, 32}, "dx");
  const Tensor x(device.stream, {80, 32}, DType::kFloat32);
  const Tensor d_table = zeros(device.stream, {50, 32});
  embedding(device.stream, batch.tokens, table, x);
  embedding_backward(device.stream, batch.tokens, dx, d_table);
  Matrix expected(50, 32);
  reference::embedding_backward(batch_of(batch), matrix_of(dx), expected);
  expect_close(matrix_of(x), reference::embedding(batch_of(batch), matrix_of(table)), 0, "x");
  expect_close(matrix_of(d_table), expected, kBound, "d_table");
}

// More rows than have their logits at once.
void expect_output_layer_agrees(const ModelConfig& config, const std::string& weight) {
  Pair pair(config, Precision::kFloat32);
  Stream& stream = pair.small.stream;
  const Batch batch = random_batch(stream, config, 2, 300, 1);
  Saved saved;
  saved.hidden = normal(stream, {600, 32}, "hidden");
  pair.small.store.zero_gradients(stream);
  const Tensor losses = pair.small.model.losses_and_gradient(stream, batch, saved, 0.01);
  const Tensor losses_alone = pair.small.model.losses(stream, batch, saved);

  const Matrix hidden = matrix_of(saved.hidden);
  const Matrix& w = pair.weights.at(weight);
  const Matrix logits = reference::linear(hidden, w);
  const Matrix d_logits = reference::token_losses_backward(batch_of(batch), logits, 0.01);
  Matrix dw(w.rows, w.cols);
  const Matrix expected_d_hidden = reference::linear_backward(hidden, w, d_logits, dw);
  Matrix expected(1, 600);
  expected.values = reference::token_losses(batch_of(batch), logits);
  expect_close(matrix_of(losses), expected, kBound, "losses");
  expect_close(matrix_of(losses_alone), expected, kBound, "losses without a gradient");
  expect_close(matrix_of(saved.d_hidden), expected_d_hidden, kBound, "d_hidden");
  expect_close(matrix_of(pair.small.store.at(weight).gradient), dw, kBound, "dw");
}

TEST(RowsAgree, OutputLayerAndItsLoss) {
  ModelConfig config = small_dense();
  config.init_std = 0.25;
  expect_output_layer_agrees(config, "output");
  config.tied_embeddings = true;
  expect_output_layer_agrees(config, "embedding");
}

constexpr int kRows = 40;
constexpr int kExperts = 4;
constexpr double kBeta = 0.3;
constexpr const char* kRouter = "layers.0.ffn_router";

struct RouterCase {
  int k;
  Gates gates;
};

struct RouterPass {
  Tensor probabilities;  // (n, experts)
  Tensor gates;          // (n, experts), 0 where not chosen
  Tensor dh;             // (n, d_model)
};

// From h to the gates of the k chosen, and back from d_gates (n, experts) and the z-loss.
RouterPass route(SmallModel& small, const RouterCase& each, const Tensor& h,
                 const Tensor& d_gates) {
  Stream& stream = small.stream;
  const Router router(small.store, kRouter);
  const RouterSaved saved = router.route(stream, h);
  const Tensor choices(stream, {kRows, each.k}, DType::kInt32);
  const Tensor gates(stream, {kRows, each.k}, DType::kFloat32);
  RouterPass pass{saved.probabilities, zeros(stream, d_gates.shape()), zeros(stream, h.shape())};
  top_k(stream, saved.probabilities, choices);
  chosen_gates(stream, saved.probabilities, choices, each.gates, gates);
  spread_gates(stream, choices, gates, pass.gates);

  const Tensor d_chosen(stream, gates.shape(), DType::kFloat32);
  const Tensor d_probabilities(stream, d_gates.shape(), DType::kFloat32);
  pick_gates(stream, choices, d_gates, d_chosen);
  chosen_gates_backward(stream, saved.probabilities, choices, each.gates, d_chosen,
                        d_probabilities);
  router.backward(stream, h, saved, kBeta / kRows, d_probabilities, pass.dh);
  return pass;
}

TEST(RowsAgree, RouterAndItsGates) {
  const std::vector<RouterCase> cases = {{4, Gates::kAsTheyAre},
                                         {1, Gates::kAsTheyAre},
                                         {2, Gates::kAsTheyAre},
                                         {2, Gates::kRenormalised},
                                         {3, Gates::kRenormalised}};
  for (const RouterCase& each : cases) {
    SCOPED_TRACE(each.k);
    Pair pair(small_mixture(std::nullopt, {.experts = kExperts}), Precision::kFloat32);
    pair.small.store.zero_gradients(pair.small.stream);
    const Tensor h = normal(pair.small.stream, {kRows, 32}, "h");
    const Tensor d_gates = normal(pair.small.stream, {kRows, kExperts}, "d_gates");
    const RouterPass found = route(pair.small, each, h, d_gates);

    const bool renormalise = each.gates == Gates::kRenormalised;
    const Matrix& w = pair.weights.at(kRouter);
    const reference::Routing expected = reference::route(matrix_of(h), w, each.k, renormalise);
    Matrix dw(w.rows, w.cols);
    const Matrix dh = reference::route_backward(matrix_of(h), w, expected, renormalise,
                                                matrix_of(d_gates), {0, kBeta}, dw);
    ASSERT_GT(reference::margin(expected), 1e-4);  // rounding changes no choice
    expect_close(matrix_of(found.probabilities), expected.probabilities, kBound, "probabilities");
    expect_close(matrix_of(found.gates), expected.gates, kBound, "gates");
    expect_close(matrix_of(found.dh), dh, kBound, "dh");
    expect_close(matrix_of(pair.small.store.at(kRouter).gradient), dw, kBound, "dw");
  }
}

}  // namespace
}  // namespace bam::testing
