#include "runtime/embedding.h"

#include "runtime/cpu/rows.h"

namespace bam {
namespace {

void check_tokens(const Tensor& tokens, const Tensor& rows, const Tensor& table) {
  check(tokens.elements() == rows.rows() && rows.cols() == table.cols(), "embedding of tokens ",
        text_of(tokens.shape()), " from ", text_of(table.shape()), " as ", text_of(rows.shape()));
  for (const std::int32_t token : tokens.span<std::int32_t>()) {
    check(0 <= token && token < table.rows(), "token ", token, " of a vocabulary of ",
          table.rows());
  }
}

}  // namespace

void embedding(Stream& stream, const Tensor& tokens, const Tensor& table, const Tensor& x) {
  check_tokens(tokens, x, table);
  cpu::with_float_type(table.dtype(), [&](auto type) {
    const std::int64_t d = x.cols();
    const auto* in = table.data<decltype(type)>();
    const std::int32_t* id = tokens.data<std::int32_t>();
    float* out = x.data<float>();
    cpu::for_each_row(x.rows(), [&](std::int64_t i) {
      for (std::int64_t j = 0; j < d; ++j) {
        out[i * d + j] = static_cast<float>(in[id[i] * d + j]);
      }
    });
  });
  stream.poll();
}

void embedding_backward(Stream& stream, const Tensor& tokens, const Tensor& dx,
                        const Tensor& table_gradient) {
  check_tokens(tokens, dx, table_gradient);
  const std::int64_t d = dx.cols();
  const std::int32_t* id = tokens.data<std::int32_t>();
  const float* in = dx.data<float>();
  float* out = table_gradient.data<float>();
  constexpr std::int64_t kColumns = 64;  // a thread owns columns, so rows add up in order
  cpu::for_each_row((d + kColumns - 1) / kColumns, [&](std::int64_t piece) {
    const std::int64_t last = std::min(d, (piece + 1) * kColumns);
    for (std::int64_t i = 0; i < dx.rows(); ++i) {
      for (std::int64_t j = piece * kColumns; j < last; ++j) {
        out[id[i] * d + j] += in[i * d + j];
      }
    }
  });
  stream.poll();
}

}  // namespace bam
