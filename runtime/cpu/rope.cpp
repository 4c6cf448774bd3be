#include <cstring>

#include "runtime/dispatch.h"
#include "runtime/cpu/kernels.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/vector_math.h"

namespace bam::cpu {
namespace {

// angles: (cos, sin) of each pair; sign -1 turns back.
template <class T>
void rotate_head(T* x, const float* angles, float sign, std::int64_t pairs) {
#pragma omp simd
  for (std::int64_t i = 0; i < pairs; ++i) {
    const float cosine = angles[2 * i];
    const float sine = sign * angles[2 * i + 1];
    const auto even = static_cast<float>(x[2 * i]);
    const auto odd = static_cast<float>(x[2 * i + 1]);
    x[2 * i] = rounded<T>(even * cosine - odd * sine);
    x[2 * i + 1] = rounded<T>(even * sine + odd * cosine);
  }
}

// The first `cols` of each row.
void rotate_columns(Stream& stream, const Tensor& x, std::int64_t cols, const Tensor& positions,
                    const Tensor& table, Rotation rotation) {
  const std::int64_t d = x.cols();
  const std::int64_t head_dim = table.cols();
  const float sign = rotation == Rotation::kForward ? 1.0F : -1.0F;
  with_float_type(x.dtype(), [&]<class T>(T) {
    for_chunks(stream, x.rows(), d * 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const float* angles =
            table.data<float>() + positions.data<std::int32_t>()[row] * head_dim;
        for (std::int64_t head = 0; head < cols; head += head_dim) {
          rotate_head(x.data<T>() + row * d + head, angles, sign, head_dim / 2);
        }
      }
    });
  });
}

// part[row] = packed[row, from ...], or the other way.
void move_part(Stream& stream, const Tensor& packed, std::int64_t from, const Tensor& part,
               bool unpacks) {
  const auto bytes = static_cast<std::int64_t>(bytes_of(part.dtype()));
  const std::int64_t width = part.cols() * bytes;
  for_chunks(stream, part.rows(), 2 * width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      auto* wide = packed.raw() + (row * packed.cols() + from) * bytes;
      auto* own = part.raw() + row * width;
      std::memcpy(unpacks ? own : wide, unpacks ? wide : own, static_cast<std::size_t>(width));
    }
  });
}

void move_parts(Stream& stream, const Tensor& qkv, const Tensor& q, const Tensor& k,
                const Tensor& v, bool unpacks) {
  std::int64_t from = 0;
  for (const Tensor* part : {&q, &k, &v}) {
    move_part(stream, qkv, from, *part, unpacks);
    from += part->cols();
  }
}

}  // namespace

void rope(Stream& stream, const Tensor& x, const Tensor& positions, const Tensor& table,
          Rotation rotation) {
  rotate_columns(stream, x, x.cols(), positions, table, rotation);
}

void rope_unpack(Stream& stream, const Tensor& qkv, const Tensor& positions, const Tensor& table,
                 const Tensor& q, const Tensor& k, const Tensor& v) {
  move_parts(stream, qkv, q, k, v, /*unpacks=*/true);
  cpu::rope(stream, q, positions, table, Rotation::kForward);
  cpu::rope(stream, k, positions, table, Rotation::kForward);
}

void rope_pack(Stream& stream, const Tensor& dq, const Tensor& dk, const Tensor& dv,
               const Tensor& positions, const Tensor& table, const Tensor& d_qkv) {
  move_parts(stream, d_qkv, dq, dk, dv, /*unpacks=*/false);
  rotate_columns(stream, d_qkv, dq.cols() + dk.cols(), positions, table, Rotation::kBackward);
}

}  // namespace bam::cpu
