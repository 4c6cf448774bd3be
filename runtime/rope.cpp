#include "runtime/rope.h"

#include <algorithm>
#include <cmath>

#include "runtime/host.h"
#include "runtime/indices.h"
#include "runtime/kernels.h"

namespace bam {

Tensor rope_table(Stream& stream, std::int64_t positions, std::int64_t head_dim, double theta) {
  check(head_dim > 0 && head_dim % 2 == 0, "rope: head dimension ", head_dim, " is not even");
  const std::int64_t pairs = head_dim / 2;
  std::vector<float> table(static_cast<std::size_t>(positions * head_dim));
  for (std::int64_t p = 0; p < positions; ++p) {
    for (std::int64_t i = 0; i < pairs; ++i) {
      const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(head_dim);
      const double angle = static_cast<double>(p) * std::pow(theta, exponent);
      float* entry = table.data() + (p * pairs + i) * 2;
      entry[0] = static_cast<float>(std::cos(angle));
      entry[1] = static_cast<float>(std::sin(angle));
    }
  }
  return to_device(stream, {positions, pairs, 2}, table);
}

void rope(Stream& stream, const Tensor& x, const Tensor& positions, const Tensor& table,
          Rotation rotation) {
  const Traced traced(stream, Activity::kRows, "rope");
  check(table.dtype() == DType::kFloat32 && table.shape().size() == 3 && table.shape()[2] == 2,
        "rope: table ", text_of(table.shape()));
  check(x.dtype() != DType::kInt32 && x.cols() % table.cols() == 0, "rope: ", name_of(x.dtype()),
        " ", text_of(x.shape()), " with heads of ", table.cols());
  check(positions.elements() == x.rows(), "rope: ", positions.elements(), " positions for ",
        text_of(x.shape()));
  check_indices(positions, table.rows(), "rope: position");
  kernels_of(stream).rope(stream, x, positions, table, rotation);
}

}  // namespace bam
