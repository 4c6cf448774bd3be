#include "tests/reference/attention.h"

#include <cmath>

namespace bam::reference {
namespace {

// Where one head reads: its first column in q, and that of its keys and values.
struct Head {
  Head(const Config& config, int a)
      : size(config.head_dim()),
        q(a * size),
        kv(a / (config.heads / config.kv_heads) * size),
        scale(1 / std::sqrt(static_cast<double>(size))) {}

  int size;
  int q;
  int kv;
  double scale;
};

double dot_head(const Matrix& a, int i, int column, const Matrix& b, int s, int other, int size) {
  double sum = 0;
  for (int j = 0; j < size; ++j) {
    sum += a(i, column + j) * b(s, other + j);
  }
  return sum;
}

// Softmax weights of the rows start, start + 1, ..., i for the query of row i.
std::vector<double> softmax_weights(const Head& head, const Matrix& q, const Matrix& k, int start,
                                    int i) {
  std::vector<double> weights;
  double sum = 0;
  for (int s = start; s <= i; ++s) {
    weights.push_back(std::exp(head.scale * dot_head(q, i, head.q, k, s, head.kv, head.size)));
    sum += weights.back();
  }
  for (double& weight : weights) {
    weight /= sum;
  }
  return weights;
}

// The same rows' d_score: p_s (dp_s - sum_t p_t dp_t), dp_s = <d_out_i, v_s>.
std::vector<double> score_gradients(const Head& head, const std::vector<double>& p, const Matrix& v,
                                    const Matrix& d_out, int start, int i) {
  std::vector<double> dp;
  double mean = 0;
  for (int s = start; s <= i; ++s) {
    dp.push_back(dot_head(d_out, i, head.q, v, s, head.kv, head.size));
    mean += p[s - start] * dp.back();
  }
  for (std::size_t s = 0; s < p.size(); ++s) {
    dp[s] = p[s] * (dp[s] - mean);
  }
  return dp;
}

AttendGradient projections(const Config& config, const Batch& batch, const Weights& w,
                           const Names& own, const Names& kv, const Matrix& h) {
  return {rotated(config, batch, linear(h, w.at(own("attention.q"))), 1),
          rotated(config, batch, linear(h, w.at(kv("attention.k"))), 1),
          linear(h, w.at(kv("attention.v")))};
}

}  // namespace

Matrix rotated(const Config& config, const Batch& batch, const Matrix& x, double direction) {
  Matrix y(x.rows, x.cols);
  for (int i = 0; i < x.rows; ++i) {
    for (int j = 0; j < x.cols; j += 2) {
      const int position = i % batch.length;
      const double power = -static_cast<double>(j % config.head_dim()) / config.head_dim();
      const double angle = direction * position * std::pow(config.theta, power);
      y(i, j) = std::cos(angle) * x(i, j) - std::sin(angle) * x(i, j + 1);
      y(i, j + 1) = std::sin(angle) * x(i, j) + std::cos(angle) * x(i, j + 1);
    }
  }
  return y;
}

Matrix attend(const Config& config, const Batch& batch, const Matrix& q, const Matrix& k,
              const Matrix& v) {
  Matrix out(q.rows, q.cols);
  for (int a = 0; a < config.heads; ++a) {
    const Head head(config, a);
    for (int i = 0; i < q.rows; ++i) {
      const int start = batch.starts[i];
      const std::vector<double> p = softmax_weights(head, q, k, start, i);
      for (int s = start; s <= i; ++s) {
        for (int j = 0; j < head.size; ++j) {
          out(i, head.q + j) += p[s - start] * v(s, head.kv + j);
        }
      }
    }
  }
  return out;
}

AttendGradient attend_backward(const Config& config, const Batch& batch, const Matrix& q,
                               const Matrix& k, const Matrix& v, const Matrix& d_out) {
  AttendGradient d{Matrix(q.rows, q.cols), Matrix(k.rows, k.cols), Matrix(v.rows, v.cols)};
  for (int a = 0; a < config.heads; ++a) {
    const Head head(config, a);
    for (int i = 0; i < q.rows; ++i) {
      const int start = batch.starts[i];
      const std::vector<double> p = softmax_weights(head, q, k, start, i);
      const std::vector<double> d_score = score_gradients(head, p, v, d_out, start, i);
      for (int s = start; s <= i; ++s) {
        for (int j = 0; j < head.size; ++j) {
          d.q(i, head.q + j) += head.scale * d_score[s - start] * k(s, head.kv + j);
          d.k(s, head.kv + j) += head.scale * d_score[s - start] * q(i, head.q + j);
          d.v(s, head.kv + j) += p[s - start] * d_out(i, head.q + j);
        }
      }
    }
  }
  return d;
}

Matrix multi_head_attention(const Config& config, const Batch& batch, const Weights& w,
                            const Names& own, const Names& kv, const Matrix& h) {
  const auto [q, k, v] = projections(config, batch, w, own, kv, h);
  return linear(attend(config, batch, q, k, v), w.at(own("attention.o")));
}

Matrix multi_head_attention_backward(const Config& config, const Batch& batch, const Weights& w,
                                     const Names& own, const Names& kv, const Matrix& h,
                                     const Matrix& dy, Weights& dw) {
  const auto [q, k, v] = projections(config, batch, w, own, kv, h);
  const Matrix d_out = linear_backward(attend(config, batch, q, k, v), w.at(own("attention.o")), dy,
                                       dw.at(own("attention.o")));
  const AttendGradient d = attend_backward(config, batch, q, k, v, d_out);
  Matrix dh = linear_backward(h, w.at(own("attention.q")), rotated(config, batch, d.q, -1),
                              dw.at(own("attention.q")));
  add(linear_backward(h, w.at(kv("attention.k")), rotated(config, batch, d.k, -1),
                      dw.at(kv("attention.k"))),
      dh);
  add(linear_backward(h, w.at(kv("attention.v")), d.v, dw.at(kv("attention.v"))), dh);
  return dh;
}

}  // namespace bam::reference
