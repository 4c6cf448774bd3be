#include "runtime/rope.h"

#include <algorithm>
#include <cmath>

#include "runtime/host.h"
#include "runtime/indices.h"
#include "runtime/kernels.h"

namespace bam {
namespace {

void check_rows(const Tensor& x, const Tensor& positions, const Tensor& table) {
  check(table.dtype() == DType::kFloat32 && table.shape().size() == 3 && table.shape()[2] == 2,
        "rope: table ", text_of(table.shape()));
  check(x.dtype() != DType::kInt32 && x.cols() % table.cols() == 0, "rope: ", name_of(x.dtype()),
        " ", text_of(x.shape()), " with heads of ", table.cols());
  check(positions.elements() == x.rows(), "rope: ", positions.elements(), " positions for ",
        text_of(x.shape()));
  check_indices(positions, table.rows(), "rope: position");
}

void check_parts(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& qkv,
                 const Tensor& positions, const Tensor& table) {
  check(k.shape() == v.shape() && q.rows() == k.rows() && q.rows() == qkv.rows() &&
            qkv.cols() == q.cols() + 2 * k.cols() && q.dtype() == k.dtype() &&
            q.dtype() == v.dtype() && q.dtype() == qkv.dtype(),
        "rope: ", text_of(q.shape()), ", ", text_of(k.shape()), " and ", text_of(v.shape()),
        " are no parts of ", text_of(qkv.shape()));
  check_rows(q, positions, table);
  check_rows(k, positions, table);
}

}  // namespace

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
  check_rows(x, positions, table);
  kernels_of(stream).rope(stream, x, positions, table, rotation);
}

void rope_unpack(Stream& stream, const Tensor& qkv, const Tensor& positions, const Tensor& table,
                 const Tensor& q, const Tensor& k, const Tensor& v) {
  const Traced traced(stream, Activity::kRows, "rope_unpack");
  check_parts(q, k, v, qkv, positions, table);
  kernels_of(stream).rope_unpack(stream, qkv, positions, table, q, k, v);
}

void rope_pack(Stream& stream, const Tensor& dq, const Tensor& dk, const Tensor& dv,
               const Tensor& positions, const Tensor& table, const Tensor& d_qkv) {
  const Traced traced(stream, Activity::kRows, "rope_pack");
  check_parts(dq, dk, dv, d_qkv, positions, table);
  kernels_of(stream).rope_pack(stream, dq, dk, dv, positions, table, d_qkv);
}

}  // namespace bam
