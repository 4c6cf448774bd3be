#include "runtime/sparse_gates.h"

#include "runtime/indices.h"
#include "runtime/kernels.h"

namespace bam {
namespace {

void check_shapes(const Tensor& choices, const Tensor& gates, const Tensor& dense) {
  check(choices.shape() == gates.shape() && dense.rows() == choices.rows(), "choices ",
        text_of(choices.shape()), ", gates ", text_of(gates.shape()), ", dense ",
        text_of(dense.shape()));
  check_indices(choices, dense.cols(), "chosen expert");
}

}  // namespace

void spread_gates(Stream& stream, const Tensor& choices, const Tensor& gates, const Tensor& dense) {
  const Traced traced(stream, Activity::kRouting, "spread_gates");
  check_shapes(choices, gates, dense);
  kernels_of(stream).spread_gates(stream, choices, gates, dense);
}

void pick_gates(Stream& stream, const Tensor& choices, const Tensor& dense, const Tensor& gates) {
  const Traced traced(stream, Activity::kRouting, "pick_gates");
  check_shapes(choices, gates, dense);
  kernels_of(stream).pick_gates(stream, choices, dense, gates);
}

std::vector<Tensor> rows_using(Stream& stream, const Tensor& dense,
                               std::span<const std::vector<int>> sets) {
  const Traced traced(stream, Activity::kRouting, "rows_using");
  return kernels_of(stream).rows_using(stream, dense, sets);
}

void add_to_rows(Stream& stream, const Tensor& addends, const Tensor& values) {
  const Traced traced(stream, Activity::kRouting, "add_to_rows");
  check(addends.elements() == values.cols(), addends.elements(), " addends for rows of ",
        values.cols());
  kernels_of(stream).add_to_rows(stream, addends, values);
}

Tensor ascending(Stream& stream, std::int64_t first, std::int64_t n) {
  return kernels_of(stream).ascending(stream, first, n);
}

Tensor shifted(Stream& stream, const Tensor& values, std::int64_t by) {
  values.check_dtype(DType::kInt32);
  return kernels_of(stream).shifted(stream, values, by);
}

}  // namespace bam
