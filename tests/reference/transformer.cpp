#include "tests/reference/transformer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/reference/block.h"
#include "tests/reference/layer_norm.h"

namespace bam::reference {
namespace {

double log_sum_of(const Matrix& logits, int i) {
  double sum = 0;
  for (int v = 0; v < logits.cols; ++v) {
    sum += std::exp(logits(i, v));
  }
  return std::log(sum);
}

double scored(const Batch& batch) {
  return static_cast<double>(
      std::count_if(batch.targets.begin(), batch.targets.end(), [](int t) { return t >= 0; }));
}

std::string output_name(const Config& config) { return config.tied ? "embedding" : "output"; }

// Each block's x, and after them the last block's y.
std::vector<Matrix> block_inputs(const Config& config, const Weights& w, const Batch& batch) {
  std::vector<Matrix> x = {embedding(batch, w.at("embedding"))};
  for (int layer = 0; layer < config.layers; ++layer) {
    x.push_back(block(config, batch, w, layer, x.back()));
  }
  return x;
}

Matrix logits_of(const Config& config, const Weights& w, const Matrix& last) {
  const Matrix hidden = layer_norm(last, w.at("final_norm"), config.epsilon);
  return linear(hidden, w.at(output_name(config)));
}

}  // namespace

Matrix embedding(const Batch& batch, const Matrix& table) {
  Matrix x(batch.rows(), table.cols);
  for (int i = 0; i < x.rows; ++i) {
    for (int j = 0; j < x.cols; ++j) {
      x(i, j) = table(batch.tokens[i], j);
    }
  }
  return x;
}

void embedding_backward(const Batch& batch, const Matrix& dx, Matrix& d_table) {
  for (int i = 0; i < dx.rows; ++i) {
    for (int j = 0; j < dx.cols; ++j) {
      d_table(batch.tokens[i], j) += dx(i, j);
    }
  }
}

std::vector<double> token_losses(const Batch& batch, const Matrix& logits) {
  std::vector<double> losses(batch.targets.size());
  for (int i = 0; i < logits.rows; ++i) {
    if (const int target = batch.targets[i]; target >= 0) {
      losses[i] = log_sum_of(logits, i) - logits(i, target);
    }
  }
  return losses;
}

Matrix token_losses_backward(const Batch& batch, const Matrix& logits, double scale) {
  Matrix d_logits(logits.rows, logits.cols);
  for (int i = 0; i < logits.rows; ++i) {
    if (const int target = batch.targets[i]; target >= 0) {
      const double log_sum = log_sum_of(logits, i);
      for (int v = 0; v < logits.cols; ++v) {
        const double p = std::exp(logits(i, v) - log_sum);
        d_logits(i, v) = scale * (p - (v == target ? 1 : 0));
      }
    }
  }
  return d_logits;
}

Losses losses(const Config& config, const Weights& w, const Batch& batch) {
  const std::vector<Matrix> x = block_inputs(config, w, batch);
  Losses sum;
  for (const double loss : token_losses(batch, logits_of(config, w, x.back()))) {
    sum.nll += loss / scored(batch);
  }
  for (int layer = 0; layer < config.layers; ++layer) {
    const Matrix h = layer_norm(x[layer], w.at(Names{layer}("norm")), config.epsilon);
    if (const auto routing = ffn_routing(config, w, layer, h)) {
      sum.balance += config.ffn->alpha * balance_loss(*routing);
      sum.z += config.ffn->beta * z_loss(*routing);
    }
    if (const auto routing = attention_routing(config, w, layer, h)) {
      sum.z += config.attention->beta * z_loss(*routing);
    }
  }
  return sum;
}

Weights gradients(const Config& config, const Weights& w, const Batch& batch) {
  Weights dw = zeros_like(w);
  const std::vector<Matrix> x = block_inputs(config, w, batch);
  const Matrix hidden = layer_norm(x.back(), w.at("final_norm"), config.epsilon);
  const std::string output = output_name(config);
  const Matrix d_logits =
      token_losses_backward(batch, linear(hidden, w.at(output)), 1 / scored(batch));
  const Matrix d_hidden = linear_backward(hidden, w.at(output), d_logits, dw.at(output));
  Matrix dx = layer_norm_backward(x.back(), w.at("final_norm"), config.epsilon, d_hidden,
                                  dw.at("final_norm"));
  for (int layer = config.layers - 1; layer >= 0; --layer) {
    dx = block_backward(config, batch, w, layer, x[layer], dx, dw);
  }
  embedding_backward(batch, dx, dw.at("embedding"));
  return dw;
}

double smallest_margin(const Config& config, const Weights& w, const Batch& batch) {
  const std::vector<Matrix> x = block_inputs(config, w, batch);
  double smallest = std::numeric_limits<double>::infinity();
  for (int layer = 0; layer < config.layers; ++layer) {
    const Matrix h = layer_norm(x[layer], w.at(Names{layer}("norm")), config.epsilon);
    for (const auto& routing :
         {ffn_routing(config, w, layer, h), attention_routing(config, w, layer, h)}) {
      if (routing) {
        smallest = std::min(smallest, margin(*routing));
      }
    }
  }
  return smallest;
}

}  // namespace bam::reference
