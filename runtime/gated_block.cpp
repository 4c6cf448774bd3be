#include "runtime/gated_block.h"

#include "runtime/check.h"
#include "runtime/kernels.h"

namespace bam {
namespace {

void check_block(const GatedBlock& from, const Tensor& rows, const char* what) {
  const auto& [outputs, d, block, gates, expert] = from;
  check(rows.rows() == outputs.rows() && rows.dtype() == outputs.dtype() &&
            outputs.dtype() != DType::kInt32,
        "gated block: ", what, " ", name_of(rows.dtype()), " ", text_of(rows.shape()),
        " beside outputs ", name_of(outputs.dtype()), " ", text_of(outputs.shape()));
  check(d > 0 && outputs.cols() % d == 0 && 0 <= block && block < outputs.cols() / d &&
            (rows.cols() == d || rows.cols() == outputs.cols()),
        "gated block: ", what, " ", text_of(rows.shape()), ", block ", block, " of ", d,
        " columns of ", text_of(outputs.shape()));
  check(gates.rows() == outputs.rows() && 0 <= expert && expert < gates.cols() &&
            gates.dtype() == DType::kFloat32,
        "gated block: expert ", expert, " of gates ", text_of(gates.shape()), " for outputs ",
        text_of(outputs.shape()));
}

}  // namespace

void weigh(Stream& stream, const GatedBlock& from, const Tensor& weighted) {
  const Traced traced(stream, Activity::kRouting, "weigh");
  check_block(from, weighted, "weighted");
  kernels_of(stream).weigh(stream, from, weighted);
}

void weigh_backward(Stream& stream, const GatedBlock& from, const Tensor& u, const Tensor& weighted,
                    const Tensor& d_gates, const Tensor& d_outputs) {
  const Traced traced(stream, Activity::kRouting, "weigh_backward");
  check_block(from, weighted, "weighted");
  check(u.shape() == weighted.shape() && u.dtype() == weighted.dtype(), "gated block: u ",
        name_of(u.dtype()), " ", text_of(u.shape()), " beside weighted ",
        text_of(weighted.shape()));
  check_block({d_outputs, from.d, from.block, d_gates, from.expert}, weighted, "weighted");
  check(d_outputs.shape() == from.outputs.shape() && d_gates.shape() == from.gates.shape(),
        "gated block: gradients ", text_of(d_outputs.shape()), " and ", text_of(d_gates.shape()),
        " of ", text_of(from.outputs.shape()), " and ", text_of(from.gates.shape()));
  kernels_of(stream).weigh_backward(stream, from, u, weighted, d_gates, d_outputs);
}

}  // namespace bam
