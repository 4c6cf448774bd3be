#include "runtime/dispatch.h"
#include "runtime/cpu/kernels.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/vector_math.h"

namespace bam::cpu {

void embedding(Stream& stream, const Tensor& tokens, const Tensor& table, const Tensor& x) {
  const std::int64_t d = table.cols();
  const std::int32_t* token_of = tokens.data<std::int32_t>();
  with_float_type(table.dtype(), [&]<class T>(T) {
    for_chunks(stream, x.rows(), d * 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        convert(table.data<T>() + token_of[row] * d, x.data<float>() + row * d, d);
      }
    });
  });
}

void embedding_backward(Stream& stream, const Tensor& tokens, const Tensor& dx,
                        const Tensor& table_gradient) {
  // Threads share out columns: tokens repeat, so rows would race.
  constexpr std::int64_t kColumns = 64;
  const std::int64_t d = dx.cols();
  const std::int32_t* token_of = tokens.data<std::int32_t>();
  const double operations = 16.0 * static_cast<double>(kColumns * dx.rows());
  for_tasks(stream, (d + kColumns - 1) / kColumns, operations, [&](std::int64_t part) {
    const std::int64_t first = part * kColumns;
    const std::int64_t width = std::min(kColumns, d - first);
    for (std::int64_t row = 0; row < dx.rows(); ++row) {
      add_scaled(1.0F, dx.data<float>() + row * d + first,
                 table_gradient.data<float>() + token_of[row] * d + first, width);
    }
  });
}

}  // namespace bam::cpu
