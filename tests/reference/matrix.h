#pragma once

#include <map>
#include <string>
#include <vector>

namespace bam::reference {

/// (rows, cols) numbers, row after row.
struct Matrix {
  int rows = 0;
  int cols = 0;
  std::vector<double> values;

  Matrix() = default;
  /// Zeros.
  Matrix(int row_count, int col_count)
      : rows(row_count), cols(col_count), values(static_cast<std::size_t>(row_count) * col_count) {}

  double& operator()(int i, int j) { return values[static_cast<std::size_t>(i) * cols + j]; }
  double operator()(int i, int j) const { return values[static_cast<std::size_t>(i) * cols + j]; }
};

/// A model's weights, or their gradients, by name. A vector is a matrix of one row.
using Weights = std::map<std::string, Matrix>;

/// Zeros under the same names, to collect gradients in.
Weights zeros_like(const Weights& weights);

/// sum += part.
void add(const Matrix& part, Matrix& sum);
/// y_i = factors(i, column) x_i, row by row.
Matrix scaled_rows(const Matrix& x, const Matrix& factors, int column);
/// <a_i, b_i>, row i of both.
double dot_row(const Matrix& a, const Matrix& b, int i);

/// y = x W^T. x (n, in), w (out, in), y (n, out).
Matrix linear(const Matrix& x, const Matrix& w);
/// dx = dy W, returned; dw += dy^T x.
Matrix linear_backward(const Matrix& x, const Matrix& w, const Matrix& dy, Matrix& dw);

}  // namespace bam::reference
