#include "tests/reference/layer_norm.h"

#include <cmath>

namespace bam::reference {
namespace {

double mean_of(const Matrix& x, int i) {
  double sum = 0;
  for (int j = 0; j < x.cols; ++j) {
    sum += x(i, j);
  }
  return sum / x.cols;
}

double variance_of(const Matrix& x, int i) {
  const double mean = mean_of(x, i);
  double sum = 0;
  for (int j = 0; j < x.cols; ++j) {
    sum += (x(i, j) - mean) * (x(i, j) - mean);
  }
  return sum / x.cols;
}

}  // namespace

Matrix layer_norm(const Matrix& x, const Matrix& w, double epsilon) {
  Matrix h(x.rows, x.cols);
  for (int i = 0; i < x.rows; ++i) {
    const double deviation = std::sqrt(variance_of(x, i) + epsilon);
    for (int j = 0; j < x.cols; ++j) {
      h(i, j) = (x(i, j) - mean_of(x, i)) / deviation * w(0, j);
    }
  }
  return h;
}

// With z = (x - mean) / deviation and dz = dh w: dx = (dz - mean(dz) - z mean(dz z)) / deviation.
Matrix layer_norm_backward(const Matrix& x, const Matrix& w, double epsilon, const Matrix& dh,
                           Matrix& dw) {
  Matrix dx(x.rows, x.cols);
  for (int i = 0; i < x.rows; ++i) {
    const double mean = mean_of(x, i);
    const double deviation = std::sqrt(variance_of(x, i) + epsilon);
    double mean_dz = 0;
    double mean_dz_z = 0;
    for (int j = 0; j < x.cols; ++j) {
      const double z = (x(i, j) - mean) / deviation;
      const double dz = dh(i, j) * w(0, j);
      mean_dz += dz / x.cols;
      mean_dz_z += dz * z / x.cols;
      dw(0, j) += dh(i, j) * z;
    }
    for (int j = 0; j < x.cols; ++j) {
      const double z = (x(i, j) - mean) / deviation;
      dx(i, j) = (dh(i, j) * w(0, j) - mean_dz - z * mean_dz_z) / deviation;
    }
  }
  return dx;
}

}  // namespace bam::reference
