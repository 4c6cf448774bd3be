#include "tests/reference/matrix.h"

namespace bam::reference {

Weights zeros_like(const Weights& weights) {
  Weights zeros;
  for (const auto& [name, weight] : weights) {
    zeros.emplace(name, Matrix(weight.rows, weight.cols));
  }
  return zeros;
}

void add(const Matrix& part, Matrix& sum) {
  for (std::size_t i = 0; i < sum.values.size(); ++i) {
    sum.values[i] += part.values[i];
  }
}

Matrix scaled_rows(const Matrix& x, const Matrix& factors, int column) {
  Matrix y = x;
  for (int i = 0; i < x.rows; ++i) {
    for (int j = 0; j < x.cols; ++j) {
      y(i, j) *= factors(i, column);
    }
  }
  return y;
}

double dot_row(const Matrix& a, const Matrix& b, int i) {
  double sum = 0;
  for (int j = 0; j < a.cols; ++j) {
    sum += a(i, j) * b(i, j);
  }
  return sum;
}

Matrix linear(const Matrix& x, const Matrix& w) {
  Matrix y(x.rows, w.rows);
  for (int i = 0; i < x.rows; ++i) {
    for (int o = 0; o < w.rows; ++o) {
      for (int j = 0; j < w.cols; ++j) {
        y(i, o) += x(i, j) * w(o, j);
      }
    }
  }
  return y;
}

Matrix linear_backward(const Matrix& x, const Matrix& w, const Matrix& dy, Matrix& dw) {
  Matrix dx(x.rows, x.cols);
  for (int i = 0; i < x.rows; ++i) {
    for (int o = 0; o < w.rows; ++o) {
      for (int j = 0; j < w.cols; ++j) {
        dx(i, j) += dy(i, o) * w(o, j);
        dw(o, j) += dy(i, o) * x(i, j);
      }
    }
  }
  return dx;
}

}  // namespace bam::reference
