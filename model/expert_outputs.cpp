#include "model/expert_outputs.h"

#include "model/linear.h"
#include "runtime/gated_block.h"
#include "runtime/stacked_parts.h"

namespace bam {
namespace {

bool are_joint(const Stream& stream, const ExpertRun& run) {
  return stream.device() == DeviceKind::kCuda && run.count() > 1;
}

// Of expert i of the run.
GatedBlock block_of(const RunOutputs& of, std::size_t i) {
  return {.outputs = of.out,
          .d = of.out.cols() / std::ssize(of.run.experts),
          .block = static_cast<std::int64_t>(i),
          .gates = of.gates,
          .expert = of.run.experts[i]};
}

// The stack's weights (d_model, experts * width).
Tensor side_by_side(Stream& stream, const WeightStack& o, std::int64_t d_model) {
  const Tensor& stacked = o.value();
  Tensor wide(stream, {d_model, stacked.rows() / d_model * stacked.cols()}, stacked.dtype());
  put_side_by_side(stream, stacked, wide);
  return wide;
}

void add_weight_gradient(Stream& stream, const Tensor& dy, const Tensor& x, const WeightStack& o) {
  if (o.gradient().empty() || x.rows() == 0) {
    return;
  }
  const Tensor wide(stream, {dy.cols(), x.cols()}, DType::kFloat32);
  matmul(stream, transposed(dy), x, wide);
  stack_parts(stream, wide, o.gradient(), o.write_gradient(stream));
}

}  // namespace

void ExpertOutputs::forward(Stream& stream, const RunOutputs& of, const Tensor& sum) const {
  if (of.gates.shape().empty()) {
    add_linear(stream, of.out, *o_.front(), sum);
    return;
  }
  if (are_joint(stream, of.run)) {
    forward_jointly(stream, of, sum);
    return;
  }
  for (std::size_t i = 0; i < of.run.count(); ++i) {
    const GatedBlock block = block_of(of, i);
    const Tensor weighted(stream, {of.out.rows(), block.d}, of.out.dtype());
    weigh(stream, block, weighted);
    add_linear(stream, weighted, *o_[of.run.first + i], sum);
  }
}

void ExpertOutputs::forward_jointly(Stream& stream, const RunOutputs& of, const Tensor& sum) const {
  const Tensor weighted(stream, of.out.shape(), of.out.dtype());
  for (std::size_t i = 0; i < of.run.count(); ++i) {
    weigh(stream, block_of(of, i), weighted);
  }
  const Tensor wide = side_by_side(stream, stack_of(o_, of.run), sum.cols());
  matmul(stream, weighted, transposed(wide), sum, Write::kAdd);
}

Tensor ExpertOutputs::backward(Stream& stream, const RunOutputs& of, const Tensor& dy,
                               const Tensor& d_gates) const {
  if (of.gates.shape().empty()) {
    add_linear_weight_gradient(stream, dy, of.out, *o_.front());
    return linear_input_gradient(stream, dy, *o_.front());
  }
  if (are_joint(stream, of.run)) {
    return backward_jointly(stream, of, dy, d_gates);
  }
  Tensor d_out(stream, of.out.shape(), of.out.dtype());
  for (std::size_t i = 0; i < of.run.count(); ++i) {
    const Parameter& o = *o_[of.run.first + i];
    const Tensor u = linear_input_gradient(stream, dy, o);
    const Tensor weighted(stream, u.shape(), u.dtype());
    weigh_backward(stream, block_of(of, i), u, weighted, d_gates, d_out);
    add_linear_weight_gradient(stream, dy, weighted, o);
  }
  return d_out;
}

Tensor ExpertOutputs::backward_jointly(Stream& stream, const RunOutputs& of, const Tensor& dy,
                                       const Tensor& d_gates) const {
  const WeightStack o = stack_of(o_, of.run);
  Tensor u(stream, of.out.shape(), of.out.dtype());
  matmul(stream, dy, side_by_side(stream, o, dy.cols()), u);
  Tensor d_out(stream, u.shape(), u.dtype());
  const Tensor weighted(stream, u.shape(), u.dtype());
  for (std::size_t i = 0; i < of.run.count(); ++i) {
    weigh_backward(stream, block_of(of, i), u, weighted, d_gates, d_out);
  }
  u = Tensor();  // memory for what comes
  add_weight_gradient(stream, dy, weighted, o);
  return d_out;
}

}  // namespace bam
