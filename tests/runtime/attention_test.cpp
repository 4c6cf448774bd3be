#include "runtime/attention.h"

#include <algorithm>

#include "runtime/check.h"
#include "tests/runtime/tensors.h"

namespace bam {
namespace {

struct Problem {
  AttentionShape shape;
  std::vector<int> rows;    // key row of each query
  std::vector<int> starts;  // of each key row
};

// Documents of `document` tokens, and every `stride`th row a query.
Problem problem(const AttentionShape& shape, int document, int stride) {
  Problem made{shape, {}, {}};
  for (int row = 0; row < shape.keys(); ++row) {
    const int length = static_cast<int>(shape.length);
    const int place = row % length;
    made.starts.push_back(row - place % document);
    if (row % stride == 0) {
      made.rows.push_back(row);
    }
  }
  return made;
}

const std::vector<Problem>& problems() {
  static const std::vector<Problem> kProblems = {
      problem({.sequences = 1, .length = 1, .heads = 1, .kv_heads = 1, .head_dim = 4}, 9, 1),
      problem({.sequences = 2, .length = 70, .heads = 2, .kv_heads = 2, .head_dim = 8}, 1000, 1),
      problem({.sequences = 2, .length = 150, .heads = 4, .kv_heads = 2, .head_dim = 16}, 37, 1),
      problem({.sequences = 3, .length = 128, .heads = 2, .kv_heads = 1, .head_dim = 32}, 100, 3),
      {{.sequences = 2, .length = 66, .heads = 2, .kv_heads = 1, .head_dim = 8},
       {131},
       std::vector<int>(132, 0)},
      {{.sequences = 1, .length = 5, .heads = 1, .kv_heads = 1, .head_dim = 8},
       {},
       std::vector<int>(5, 0)},
  };
  return kProblems;
}

// Starts of the one problem made by hand must lie in the query's own sequence.
std::vector<int> starts_of(const Problem& problem) {
  std::vector<int> starts = problem.starts;
  for (int row = 0; row < static_cast<int>(starts.size()); ++row) {
    const int begin =
        row / static_cast<int>(problem.shape.length) * static_cast<int>(problem.shape.length);
    starts[row] = std::max(starts[row], begin);
  }
  return starts;
}

struct Forward {
  Tensor q, k, v, rows, starts, out, log_sums;
};

Forward forward(Stream& stream, const Problem& p, DType dtype) {
  const auto m = static_cast<std::int64_t>(p.rows.size());
  const std::int64_t d = p.shape.heads * p.shape.head_dim;
  const std::int64_t kv = p.shape.kv_heads * p.shape.head_dim;
  Forward f{normal_tensor(stream, {m, d}, dtype, "q"),
            normal_tensor(stream, {p.shape.keys(), kv}, dtype, "k"),
            normal_tensor(stream, {p.shape.keys(), kv}, dtype, "v"),
            int_tensor(stream, {m}, p.rows),
            int_tensor(stream, {p.shape.keys()}, starts_of(p)),
            Tensor(stream, {m, d}, dtype),
            Tensor(stream, {m, p.shape.heads}, DType::kFloat32)};
  attention(stream, p.shape, f.q, f.k, f.v, f.rows, f.starts, f.out, f.log_sums);
  return f;
}

struct Naive {
  std::vector<double> out, log_sums, dq, dk, dv;
};

// One query of one head, forward and backward, in double.
void attend(const Problem& p, const std::vector<int>& starts, std::int64_t i, std::int64_t head,
            const std::vector<double>& q, const std::vector<double>& k,
            const std::vector<double>& v, const std::vector<double>& d_out, Naive& to) {
  const std::int64_t d = p.shape.head_dim;
  const std::int64_t at = (i * p.shape.heads + head) * d;
  const std::int64_t key_head = head / (p.shape.heads / p.shape.kv_heads);
  const double scale = 1 / std::sqrt(static_cast<double>(d));
  std::vector<double> weights;
  std::vector<double> d_weights;
  double sum = 0;
  const auto key = [&](std::int64_t row) { return (row * p.shape.kv_heads + key_head) * d; };
  for (std::int64_t row = starts[p.rows[i]]; row <= p.rows[i]; ++row) {
    double score = 0;
    double slope = 0;
    for (std::int64_t j = 0; j < d; ++j) {
      score += q[at + j] * k[key(row) + j] * scale;
      slope += d_out[at + j] * v[key(row) + j];
    }
    weights.push_back(std::exp(score));
    d_weights.push_back(slope);
    sum += weights.back();
  }
  double mean = 0;
  for (std::size_t s = 0; s < weights.size(); ++s) {
    weights[s] /= sum;
    mean += weights[s] * d_weights[s];
  }
  to.log_sums[i * p.shape.heads + head] = std::log(sum);
  for (std::size_t s = 0; s < weights.size(); ++s) {
    const std::int64_t row = starts[p.rows[i]] + static_cast<std::int64_t>(s);
    const double d_score = weights[s] * (d_weights[s] - mean) * scale;
    for (std::int64_t j = 0; j < d; ++j) {
      to.out[at + j] += weights[s] * v[key(row) + j];
      to.dv[key(row) + j] += weights[s] * d_out[at + j];
      to.dk[key(row) + j] += d_score * q[at + j];
      to.dq[at + j] += d_score * k[key(row) + j];
    }
  }
}

Naive naive(Stream& stream, const Problem& p, const Forward& f, const Tensor& d_out) {
  const auto q = values_of(stream, f.q);
  const auto k = values_of(stream, f.k);
  Naive to{std::vector<double>(q.size()), std::vector<double>(p.rows.size() * p.shape.heads),
           std::vector<double>(q.size()), std::vector<double>(k.size()),
           std::vector<double>(k.size())};
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(p.rows.size()); ++i) {
    for (std::int64_t head = 0; head < p.shape.heads; ++head) {
      attend(p, starts_of(p), i, head, q, k, values_of(stream, f.v), values_of(stream, d_out), to);
    }
  }
  return to;
}

struct Backward {
  Tensor dq, dk, dv;
};

Backward backward(Stream& stream, const Problem& p, const Forward& f, const Tensor& d_out) {
  Backward b{normal_tensor(stream, f.q.shape(), f.q.dtype(), "old"),
             normal_tensor(stream, f.k.shape(), f.q.dtype(), "old"),
             normal_tensor(stream, f.k.shape(), f.q.dtype(), "old")};
  attention_backward(stream, p.shape, f.q, f.k, f.v, f.rows, f.starts, f.out, f.log_sums, d_out,
                     b.dq, b.dk, b.dv);
  return b;
}

TEST(Attention, AndItsGradientEqualDoubleLoops) {
  for (const Problem& p : problems()) {
    for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
      SCOPED_TRACE(message_of("length ", p.shape.length, " ", name_of(dtype)));
      Device device;
      const Forward f = forward(device.stream, p, dtype);
      const Tensor d_out = normal_tensor(device.stream, f.q.shape(), dtype, "d_out");
      const Naive expected = naive(device.stream, p, f, d_out);
      const double tolerance = tolerance_of(dtype);
      expect_near(values_of(device.stream, f.out), expected.out, tolerance);
      expect_near(values_of(device.stream, f.log_sums), expected.log_sums, 2e-5);
      const Backward b = backward(device.stream, p, f, d_out);
      expect_near(values_of(device.stream, b.dq), expected.dq, 2 * tolerance);
      expect_near(values_of(device.stream, b.dk), expected.dk, 2 * tolerance);
      expect_near(values_of(device.stream, b.dv), expected.dv, 2 * tolerance);
    }
  }
}

TEST(Attention, GivesTheSameBitsWhateverTheThreads) {
  const Problem p =
      problem({.sequences = 3, .length = 200, .heads = 4, .kv_heads = 2, .head_dim = 32}, 90, 1);
  Device device;
  const Forward first = forward(device.stream, p, DType::kBFloat16);
  const Tensor d_out = normal_tensor(device.stream, first.q.shape(), DType::kBFloat16, "d_out");
  const Backward gradients = backward(device.stream, p, first, d_out);
  with_thread_counts([&] {
    const Forward again = forward(device.stream, p, DType::kBFloat16);
    EXPECT_TRUE(bytes_in(device.stream, again.out) == bytes_in(device.stream, first.out));
    const Backward same = backward(device.stream, p, again, d_out);
    EXPECT_TRUE(bytes_in(device.stream, same.dq) == bytes_in(device.stream, gradients.dq));
    EXPECT_TRUE(bytes_in(device.stream, same.dk) == bytes_in(device.stream, gradients.dk));
    EXPECT_TRUE(bytes_in(device.stream, same.dv) == bytes_in(device.stream, gradients.dv));
  });
}

TEST(Attention, SurvivesScoresThatWouldOverflowExp) {
  const Problem p =
      problem({.sequences = 1, .length = 2, .heads = 1, .kv_heads = 1, .head_dim = 1}, 9, 1);
  Device device;
  Stream& stream = device.stream;
  const Tensor q = float_tensor(stream, {2, 1}, {1, 1000});
  const Tensor k = float_tensor(stream, {2, 1}, {1, 2});
  const Tensor v = float_tensor(stream, {2, 1}, {3, 5});
  const Tensor out(stream, {2, 1}, DType::kFloat32);
  const Tensor log_sums(stream, {2, 1}, DType::kFloat32);
  attention(stream, p.shape, q, k, v, int_tensor(stream, {2}, p.rows),
            int_tensor(stream, {2}, p.starts), out, log_sums);
  expect_near(values_of(stream, out), {3, 5}, 1e-6);
  expect_near(values_of(stream, log_sums), {1, 2000}, 1e-6);
}

}  // namespace
}  // namespace bam
