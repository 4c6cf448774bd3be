#include "runtime/rope.h"

#include <cmath>

#include "runtime/cpu/rows.h"

namespace bam {

Tensor rope_table(Stream& stream, std::int64_t positions, std::int64_t head_dim, double theta) {
  const std::int64_t pairs = head_dim / 2;
  Tensor table(stream, {positions, pairs, 2}, DType::kFloat32);
  float* out = table.data<float>();
  for (std::int64_t p = 0; p < positions; ++p) {
    for (std::int64_t i = 0; i < pairs; ++i) {
      const double frequency =
          std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
      const double angle = static_cast<double>(p) * frequency;
      out[2 * (p * pairs + i)] = static_cast<float>(std::cos(angle));
      out[2 * (p * pairs + i) + 1] = static_cast<float>(std::sin(angle));
    }
  }
  return table;
}

void rope(Stream& stream, const Tensor& x, const Tensor& positions, const Tensor& table,
          Rotation rotation) {
  const std::int64_t head_dim = table.cols();
  check(positions.elements() == x.rows() && x.cols() % head_dim == 0, "rotation of ",
        text_of(x.shape()), " at positions ", text_of(positions.shape()), " by heads of ",
        head_dim);
  const float turn = rotation == Rotation::kForward ? 1.0F : -1.0F;
  cpu::with_float_type(x.dtype(), [&](auto type) {
    using T = decltype(type);
    T* values = x.data<T>();
    const float* turns = table.data<float>();
    const std::int32_t* place = positions.data<std::int32_t>();
    cpu::for_each_row(x.rows(), [&](std::int64_t i) {
      const float* angles = turns + place[i] * head_dim;
      for (std::int64_t h = 0; h < x.cols(); h += head_dim) {
        T* head = values + i * x.cols() + h;
        for (std::int64_t j = 0; j < head_dim; j += 2) {
          const float cosine = angles[j];
          const float sine = turn * angles[j + 1];
          const auto a = static_cast<float>(head[j]);
          const auto b = static_cast<float>(head[j + 1]);
          head[j] = T(a * cosine - b * sine);
          head[j + 1] = T(a * sine + b * cosine);
        }
      }
    });
  });
  stream.poll();
}

}  // namespace bam
