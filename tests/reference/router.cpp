#include "tests/reference/router.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bam::reference {
namespace {

double sum_of_row(const Matrix& x, int i) {
  double sum = 0;
  for (int j = 0; j < x.cols; ++j) {
    sum += x(i, j);
  }
  return sum;
}

// How many experts come before expert e in row i: larger, or equal with a lower number.
int rank_in_row(const Matrix& p, int i, int e) {
  int before = 0;
  for (int j = 0; j < p.cols; ++j) {
    before += p(i, j) > p(i, e) || (p(i, j) == p(i, e) && j < e) ? 1 : 0;
  }
  return before;
}

// f_i.
std::vector<double> load_shares(const Routing& routing) {
  std::vector<double> shares(routing.chosen.cols);
  double slots = 0;
  for (int i = 0; i < routing.chosen.rows; ++i) {
    for (int e = 0; e < routing.chosen.cols; ++e) {
      shares[e] += routing.chosen(i, e);
      slots += routing.chosen(i, e);
    }
  }
  for (double& share : shares) {
    share /= slots;
  }
  return shares;
}

// g = p / s with s the sum of the chosen: dp = (dg - <g, dg>) / s on the chosen; without, dp = dg.
Matrix gates_backward(const Routing& routing, bool renormalise, const Matrix& d_gates) {
  Matrix dp(d_gates.rows, d_gates.cols);
  for (int i = 0; i < dp.rows; ++i) {
    double sum = 0;
    for (int e = 0; e < dp.cols; ++e) {
      sum += routing.chosen(i, e) * routing.probabilities(i, e);
    }
    const double mean = dot_row(routing.gates, d_gates, i);
    for (int e = 0; e < dp.cols; ++e) {
      const double through = renormalise ? (d_gates(i, e) - mean) / sum : d_gates(i, e);
      dp(i, e) = routing.chosen(i, e) * through;
    }
  }
  return dp;
}

}  // namespace

Routing route(const Matrix& h, const Matrix& w, int k, bool renormalise) {
  const Matrix logits = linear(h, w);
  Routing routing{Matrix(h.rows, w.rows), {}, Matrix(h.rows, w.rows), Matrix(h.rows, w.rows)};
  for (int i = 0; i < h.rows; ++i) {
    double sum = 0;
    for (int e = 0; e < w.rows; ++e) {
      sum += std::exp(logits(i, e));
    }
    routing.log_sums.push_back(std::log(sum));
    for (int e = 0; e < w.rows; ++e) {
      routing.probabilities(i, e) = std::exp(logits(i, e)) / sum;
    }
    for (int e = 0; e < w.rows; ++e) {
      routing.chosen(i, e) = rank_in_row(routing.probabilities, i, e) < k ? 1 : 0;
      routing.gates(i, e) = routing.chosen(i, e) * routing.probabilities(i, e);
    }
    const double divisor = renormalise ? sum_of_row(routing.gates, i) : 1;
    for (int e = 0; e < w.rows; ++e) {
      routing.gates(i, e) /= divisor;
    }
  }
  return routing;
}

double margin(const Routing& routing) {
  double smallest = std::numeric_limits<double>::infinity();
  for (int i = 0; i < routing.chosen.rows; ++i) {
    for (int a = 0; a < routing.chosen.cols; ++a) {
      for (int b = 0; b < routing.chosen.cols; ++b) {
        if (routing.chosen(i, a) == 1 && routing.chosen(i, b) == 0) {
          const double difference = routing.probabilities(i, a) - routing.probabilities(i, b);
          smallest = std::min(smallest, difference);
        }
      }
    }
  }
  return smallest;
}

double balance_loss(const Routing& routing) {
  const std::vector<double> f = load_shares(routing);
  const Matrix& p = routing.probabilities;
  double sum = 0;
  for (int i = 0; i < p.rows; ++i) {
    for (int e = 0; e < p.cols; ++e) {
      sum += f[e] * p(i, e) / p.rows;
    }
  }
  return p.cols * sum;
}

double z_loss(const Routing& routing) {
  double sum = 0;
  for (const double log_sum : routing.log_sums) {
    sum += log_sum * log_sum;
  }
  return sum / static_cast<double>(routing.log_sums.size());
}

Matrix route_backward(const Matrix& h, const Matrix& w, const Routing& routing, bool renormalise,
                      const Matrix& d_gates, AuxiliaryWeights auxiliary, Matrix& dw) {
  const std::vector<double> f = load_shares(routing);
  const Matrix& p = routing.probabilities;
  Matrix dp = gates_backward(routing, renormalise, d_gates);
  Matrix d_logits(p.rows, p.cols);
  for (int i = 0; i < p.rows; ++i) {
    for (int e = 0; e < p.cols; ++e) {
      dp(i, e) += auxiliary.alpha * p.cols * f[e] / p.rows;
    }
    const double mean = dot_row(p, dp, i);
    const double dz = auxiliary.beta * 2 * routing.log_sums[i] / p.rows;
    for (int e = 0; e < p.cols; ++e) {
      d_logits(i, e) = p(i, e) * (dp(i, e) - mean + dz);
    }
  }
  return linear_backward(h, w, d_logits, dw);
}

}  // namespace bam::reference
