#include "runtime/elementwise.h"

#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "runtime/cpu/rows.h"

namespace bam {
namespace {

using cpu::for_each_row;
using cpu::with_float_type;

// Elements one thread takes at a time; sums over pieces are added in order, so that they do not
// depend on the number of threads.
constexpr std::int64_t kPiece = 16384;

template <class Body>
void for_each_piece(std::int64_t count, Body body) {
  for_each_row((count + kPiece - 1) / kPiece,
               [&](std::int64_t p) { body(p, p * kPiece, std::min(count, (p + 1) * kPiece)); });
}

void check_same(const Tensor& a, const Tensor& b, const char* what) {
  check(a.elements() == b.elements(), what, " of ", text_of(a.shape()), " and ",
        text_of(b.shape()));
}

}  // namespace

void fill_zero(Stream& /*stream*/, const Tensor& out) {
  const auto bytes = static_cast<std::int64_t>(out.bytes());
  for_each_piece(bytes, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    std::memset(out.raw() + begin, 0, static_cast<std::size_t>(end - begin));
  });
}

void copy(Stream& /*stream*/, const Tensor& from, const Tensor& to) {
  check_same(from, to, "copy");
  if (from.dtype() == to.dtype()) {
    for_each_piece(static_cast<std::int64_t>(from.bytes()),
                   [&](std::int64_t, std::int64_t begin, std::int64_t end) {
                     std::memcpy(to.raw() + begin, from.raw() + begin,
                                 static_cast<std::size_t>(end - begin));
                   });
    return;
  }
  with_float_type(from.dtype(), [&](auto in) {
    with_float_type(to.dtype(), [&](auto out) {
      const auto* source = from.data<decltype(in)>();
      auto* target = to.data<decltype(out)>();
      for_each_piece(from.elements(), [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          target[i] = decltype(out)(static_cast<float>(source[i]));
        }
      });
    });
  });
}

void add(Stream& /*stream*/, const Tensor& part, const Tensor& sum) {
  check_same(part, sum, "sum");
  with_float_type(part.dtype(), [&](auto type) {
    const auto* in = part.data<decltype(type)>();
    float* out = sum.data<float>();
    for_each_piece(sum.elements(), [&](std::int64_t, std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        out[i] += static_cast<float>(in[i]);
      }
    });
  });
}

double squared_norm(Stream& /*stream*/, const Tensor& values) {
  const float* in = values.data<float>();
  std::vector<double> parts(static_cast<std::size_t>((values.elements() + kPiece - 1) / kPiece));
  for_each_piece(values.elements(), [&](std::int64_t p, std::int64_t begin, std::int64_t end) {
    double lanes[16] = {};
    std::int64_t i = begin;
    for (; i + 16 <= end; i += 16) {
      for (int lane = 0; lane < 16; ++lane) {
        lanes[lane] += static_cast<double>(in[i + lane]) * in[i + lane];
      }
    }
    for (; i < end; ++i) {
      lanes[0] += static_cast<double>(in[i]) * in[i];
    }
    parts[static_cast<std::size_t>(p)] = std::accumulate(lanes, lanes + 16, 0.0);
  });
  return std::accumulate(parts.begin(), parts.end(), 0.0);
}

bool all_finite(Stream& stream, const Tensor& values) {
  return std::isfinite(squared_norm(stream, values));
}

void scale_rows(Stream& /*stream*/, const Tensor& in, const Tensor& factors, std::int64_t column,
                const Tensor& out) {
  check(in.shape() == out.shape() && in.dtype() == out.dtype() && factors.rows() == in.rows() &&
            column < factors.cols(),
        "rows ", text_of(in.shape()), " scaled by column ", column, " of ",
        text_of(factors.shape()), " into ", text_of(out.shape()));
  with_float_type(in.dtype(), [&](auto type) {
    using T = decltype(type);
    const std::int64_t d = in.cols();
    const T* source = in.data<T>();
    T* target = out.data<T>();
    const float* factor = factors.data<float>() + column;
    for_each_row(in.rows(), [&](std::int64_t i) {
      const float scale = factor[i * factors.cols()];
      for (std::int64_t j = i * d; j < (i + 1) * d; ++j) {
        target[j] = T(scale * static_cast<float>(source[j]));
      }
    });
  });
}

void dot_rows(Stream& /*stream*/, const Tensor& a, const Tensor& b, const Tensor& dots,
              std::int64_t column) {
  check(a.shape() == b.shape() && a.dtype() == b.dtype() && dots.rows() == a.rows() &&
            column < dots.cols(),
        "dots of ", text_of(a.shape()), " and ", text_of(b.shape()), " into column ", column,
        " of ", text_of(dots.shape()));
  with_float_type(a.dtype(), [&](auto type) {
    using T = decltype(type);
    const std::int64_t d = a.cols();
    const T* left = a.data<T>();
    const T* right = b.data<T>();
    float* out = dots.data<float>() + column;
    for_each_row(a.rows(), [&](std::int64_t i) {
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t j = i * d; j < (i + 1) * d; ++j) {
        sum += static_cast<float>(left[j]) * static_cast<float>(right[j]);
      }
      out[i * dots.cols()] = sum;
    });
  });
}

}  // namespace bam
