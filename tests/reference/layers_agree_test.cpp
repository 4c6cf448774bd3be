// Each layer of a block, dense or mixed, at its own front door against the reference: outputs, the
// gradient of the input and that of every weight, auxiliary losses included.
#include <gtest/gtest.h>

#include "runtime/check.h"
#include "runtime/rope.h"
#include "tests/reference/block.h"
#include "tests/reference/bridge.h"
#include "tests/reference/cases.h"
#include "tests/reference/ffn.h"
#include "tests/reference/layer_norm.h"
#include "tests/runtime/tensors.h"

namespace bam::testing {
namespace {

constexpr double kBound = 1e-5;
constexpr double kMargin = 1e-4;  // rounding changes no choice above it

using reference::Matrix;

Tensor zeros(Stream& stream, const Shape& shape) {
  Tensor out(stream, shape, DType::kFloat32);
  fill_zero(stream, out);
  return out;
}

struct LayerPass {
  Tensor y;   // (n, d_model)
  Tensor dx;  // (n, d_model): gradient of the layer's input
};

// One layer-0 layer of a model on rows x, and back from dy.
class LayersAgree : public ::testing::TestWithParam<std::tuple<ModelCase, std::int64_t>> {
 protected:
  LayersAgree()
      : pair_(std::get<0>(GetParam()).config, Precision::kFloat32),
        config_(pair_.small.model.config()),
        batch_(random_batch(stream(), config_, std::min<std::int64_t>(2, length()), length(), 1)),
        dy_(normal_tensor(stream(), {batch_.rows(), config_.d_model}, DType::kFloat32, "dy")),
        micro_(lay_out(stream(), config_, batch_, pair_.small.placement, pair_.small.exchange, 1)),
        table_(rope_table(stream(), length(), config_.head_dim(), config_.rope_theta)),
        expected_dw_(reference::zeros_like(pair_.weights)) {
    pair_.small.store.zero_gradients(stream());
  }

  static std::int64_t length() { return std::get<1>(GetParam()); }
  Stream& stream() { return pair_.small.stream; }

  // Random rows; to_h turns them into what the routers see.
  template <class ToH>
  Tensor clear_rows(ToH&& to_h) {
    for (int seed = 0; seed < 1000; ++seed) {
      Tensor x = normal_tensor(stream(), dy_.shape(), DType::kFloat32, std::to_string(seed));
      if (is_clear(to_h(matrix_of(x)))) {
        return x;
      }
    }
    throw Error("no random rows have so clear choices");
  }

  bool is_clear(const Matrix& h) const {
    const auto clear = [](const std::optional<reference::Routing>& routing) {
      return !routing || reference::margin(*routing) > kMargin;
    };
    return clear(reference::attention_routing(pair_.config, pair_.weights, 0, h)) &&
           clear(reference::ffn_routing(pair_.config, pair_.weights, 0, h));
  }

  AuxiliarySlopes auxiliary(const RouterSaved& router) {
    LayerRouting routing;
    if (config_.mixture) {
      RoutingTally tally;
      tally.add(stream(), router.probabilities, router.log_sums, router.choices, batch_.rows(),
                Pairs::kLeftOut);
      routing.ffn = tally.read(stream()).front().spans;
    }
    const auto rows = static_cast<double>(batch_.rows());
    const BalanceTerm term = balance_terms(config_, {routing}, 1, rows).front();
    if (!config_.mixture) {
      return {.balance = {}, .per_row = 1 / rows};
    }
    const std::vector<float> slopes = balance_slopes(config_.mixture->ffn, term);
    return {.balance = to_device(stream(), {std::ssize(slopes)}, slopes), .per_row = 1 / rows};
  }

  void expect_agreement(const LayerPass& found, const Matrix& y, const Matrix& dx) {
    expect_close(matrix_of(found.y), y, kBound, "y");
    expect_close(matrix_of(found.dx), dx, kBound, "dx");
    expect_close(gradients_of(pair_.small.store), expected_dw_, kBound);
  }

  LayerPass attention(const Tensor& h);
  LayerPass ffn(const Tensor& h);
  LayerPass block(const Tensor& x);

  Pair pair_;
  ModelConfig config_;
  Batch batch_;
  Tensor dy_;
  MicroBatch micro_;
  Tensor table_;
  reference::Weights expected_dw_;
};

LayerPass LayersAgree::attention(const Tensor& h) {
  const AttentionLayer layer(config_, pair_.small.store, pair_.small.placement, 0,
                             pair_.small.exchange);
  LayerPass pass{zeros(stream(), h.shape()), zeros(stream(), h.shape())};
  AttentionLayerSaved saved;
  AttentionFlight forward;
  layer.start(stream(), micro_, h, saved, forward);
  layer.own(stream(), micro_, table_, saved, pass.y, nullptr);
  layer.others(stream(), micro_, table_, saved, forward);
  layer.finish(stream(), micro_, forward, pass.y);

  AttentionFlight backward;
  const Tensor d_gates = layer.gate_gradients(stream(), h.rows());
  const double z_loss = config_.has_attention_experts() ? config_.mixture->attention->z_loss : 0;
  layer.start_backward(stream(), micro_, saved, dy_, backward);
  layer.own_backward(stream(), micro_, table_, saved, dy_, pass.dx, d_gates);
  layer.others_backward(stream(), micro_, table_, saved, backward);
  layer.finish_backward(stream(), micro_, saved, z_loss / static_cast<double>(h.rows()),
                        backward, pass.dx, d_gates);
  return pass;
}

LayerPass LayersAgree::ffn(const Tensor& h) {
  const FfnLayer layer(config_, pair_.small.store, pair_.small.placement, 0, pair_.small.exchange);
  LayerPass pass{zeros(stream(), h.shape()), zeros(stream(), h.shape())};
  FfnLayerSaved saved;
  if (!config_.mixture) {
    layer.dense(stream(), h, saved, zeros(stream(), h.shape()), pass.y);
    layer.dense_backward(stream(), saved, dy_, pass.dx);
    return pass;
  }
  FfnFlight forward;
  layer.start(stream(), /*capacity=*/{}, h, saved, forward);
  layer.arrivals(stream(), saved, forward);
  layer.own(stream(), saved, forward);
  layer.finish(stream(), saved, forward, pass.y);

  FfnFlight backward;
  const Tensor d_gates = layer.start_backward(stream(), saved, dy_, backward);
  layer.arrivals_backward(stream(), saved, backward);
  layer.own_backward(stream(), saved, backward);
  layer.finish_backward(stream(), h, saved, d_gates, auxiliary(saved.router), backward, pass.dx);
  return pass;
}

LayerPass LayersAgree::block(const Tensor& x) {
  const Block layer(config_, pair_.small.store, pair_.small.placement, 0, pair_.small.exchange,
                    DType::kFloat32);
  BlockSaved saved;
  LayerPass pass{layer.forward(stream(), micro_, table_, x, saved), zeros(stream(), x.shape())};
  add(stream(), dy_, pass.dx);
  layer.backward(stream(), micro_, table_, x, saved, auxiliary(saved.ffn.router), pass.dx,
                 pass.dx);
  return pass;
}

TEST_P(LayersAgree, Attention) {
  const Tensor h = clear_rows([](const Matrix& rows) { return rows; });
  const LayerPass found = attention(h);
  const Matrix dh = reference::attention_layer_backward(
      pair_.config, batch_of(batch_), pair_.weights, 0, matrix_of(h), matrix_of(dy_), expected_dw_);
  expect_agreement(
      found,
      reference::attention_layer(pair_.config, batch_of(batch_), pair_.weights, 0, matrix_of(h)),
      dh);
}

TEST_P(LayersAgree, Ffn) {
  const Tensor h = clear_rows([](const Matrix& rows) { return rows; });
  const LayerPass found = ffn(h);
  const Matrix dh = reference::ffn_layer_backward(pair_.config, pair_.weights, 0, matrix_of(h),
                                                  matrix_of(dy_), expected_dw_);
  expect_agreement(found, reference::ffn_layer(pair_.config, pair_.weights, 0, matrix_of(h)), dh);
}

TEST_P(LayersAgree, WholeBlock) {
  const Tensor x = clear_rows([&](const Matrix& rows) {
    return reference::layer_norm(rows, pair_.weights.at("layers.0.norm"), pair_.config.epsilon);
  });
  const LayerPass found = block(x);
  const Matrix dx = reference::block_backward(pair_.config, batch_of(batch_), pair_.weights, 0,
                                              matrix_of(x), matrix_of(dy_), expected_dw_);
  expect_agreement(
      found, reference::block(pair_.config, batch_of(batch_), pair_.weights, 0, matrix_of(x)), dx);
}

// Two sequences with a document edge each; or one token, which leaves most experts without any.
INSTANTIATE_TEST_SUITE_P(Models, LayersAgree,
                         ::testing::Combine(::testing::ValuesIn(model_cases()),
                                            ::testing::Values(33, 1)),
                         [](const auto& instance) {
                           return std::string(std::get<0>(instance.param).name) +
                                  (std::get<1>(instance.param) == 1 ? "_one_token" : "");
                         });

TEST(ExpertAgrees, FfnBothWaysToCallIt) {
  Pair pair(small_mixture(std::nullopt, {.experts = 2}), Precision::kFloat32);
  Stream& stream = pair.small.stream;
  const FfnExpert expert(pair.small.store, 1, "[1]");
  const Tensor h = normal_tensor(stream, {21, 32}, DType::kFloat32, "h");
  const Tensor dy = normal_tensor(stream, {21, 32}, DType::kFloat32, "dy");
  const Tensor answers(stream, {21, 32}, DType::kFloat32);
  const Tensor x = zeros(stream, {21, 32});
  const Tensor sum(stream, {21, 32}, DType::kFloat32);
  const Tensor dh(stream, {21, 32}, DType::kFloat32);
  FfnSaved saved;
  pair.small.store.zero_gradients(stream);
  FfnExpert::forward_each(stream, std::span(&expert, 1), std::span(&h, 1), std::span(&saved, 1),
                          std::span(&answers, 1));
  expert.forward(stream, h, saved, x, sum);
  expert.backward(stream, saved, dy, dh);

  reference::Weights dw = reference::zeros_like(pair.weights);
  const reference::Names names{1, 1};
  const Matrix y = reference::ffn(pair.weights, names, matrix_of(h));
  expect_close(matrix_of(answers), y, kBound, "answers");
  expect_close(matrix_of(sum), y, kBound, "sum");
  expect_close(matrix_of(dh),
               reference::ffn_backward(pair.weights, names, matrix_of(h), matrix_of(dy), dw),
               kBound, "dh");
  expect_close(gradients_of(pair.small.store), dw, kBound);
}

}  // namespace
}  // namespace bam::testing
