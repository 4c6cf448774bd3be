#include "tests/reference/ffn.h"

#include <cmath>

namespace bam::reference {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double silu(double x) { return x * sigmoid(x); }
double silu_slope(double x) { return sigmoid(x) * (1 + x * (1 - sigmoid(x))); }

}  // namespace

Matrix swiglu(const Matrix& gate, const Matrix& up) {
  Matrix out(gate.rows, gate.cols);
  for (std::size_t i = 0; i < out.values.size(); ++i) {
    out.values[i] = silu(gate.values[i]) * up.values[i];
  }
  return out;
}

SwigluGradient swiglu_backward(const Matrix& gate, const Matrix& up, const Matrix& d_out) {
  SwigluGradient d{Matrix(gate.rows, gate.cols), Matrix(up.rows, up.cols)};
  for (std::size_t i = 0; i < d_out.values.size(); ++i) {
    d.gate.values[i] = d_out.values[i] * up.values[i] * silu_slope(gate.values[i]);
    d.up.values[i] = d_out.values[i] * silu(gate.values[i]);
  }
  return d;
}

Matrix ffn(const Weights& w, const Names& names, const Matrix& h) {
  const Matrix gate = linear(h, w.at(names("ffn.gate")));
  const Matrix up = linear(h, w.at(names("ffn.up")));
  return linear(swiglu(gate, up), w.at(names("ffn.down")));
}

Matrix ffn_backward(const Weights& w, const Names& names, const Matrix& h, const Matrix& dy,
                    Weights& dw) {
  const Matrix& w_gate = w.at(names("ffn.gate"));
  const Matrix& w_up = w.at(names("ffn.up"));
  const Matrix gate = linear(h, w_gate);
  const Matrix up = linear(h, w_up);
  const Matrix d_activated =
      linear_backward(swiglu(gate, up), w.at(names("ffn.down")), dy, dw.at(names("ffn.down")));
  const SwigluGradient d = swiglu_backward(gate, up, d_activated);
  Matrix dh = linear_backward(h, w_gate, d.gate, dw.at(names("ffn.gate")));
  add(linear_backward(h, w_up, d.up, dw.at(names("ffn.up"))), dh);
  return dh;
}

}  // namespace bam::reference
