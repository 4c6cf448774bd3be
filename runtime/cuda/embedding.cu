#include "runtime/cuda/kernels.h"
#include "runtime/cuda/order.cuh"

namespace bam::cuda {
namespace {

// One warp a row.
template <class T, int kWidth>
__global__ void embedding_kernel(const std::int32_t* tokens, const T* table, float* x,
                                 std::int64_t rows, std::int64_t d, std::int64_t vocabulary,
                                 Fault* fault) {
  const std::int64_t row = place() / kWarp;
  if (row >= rows || !is_below(tokens[row], vocabulary, Fault::kToken, fault)) {
    return;
  }
  const T* from = table + tokens[row] * d;
  for (std::int64_t i = threadIdx.x % kWarp * kWidth; i < d; i += kWarp * kWidth) {
    const auto in = load<kWidth>(from + i);
    Pack<float, kWidth> out;
    for (int j = 0; j < kWidth; ++j) {
      out.at[j] = widen(in.at[j]);
    }
    store(out, x + row * d + i);
  }
}

constexpr unsigned kColumnThreads = 128;
constexpr int kRowsAtOnce = 8;  // of a run, on their way to a thread

// Where the run of equal tokens ends that begins at `first`: in doubling steps, then halving ones.
__device__ std::int64_t end_of_run(const std::int32_t* tokens, const std::int32_t* sorted,
                                   std::int64_t first, std::int64_t rows) {
  const int token = tokens[sorted[first]];
  std::int64_t inside = first;
  std::int64_t step = 1;
  while (inside + step < rows && tokens[sorted[inside + step]] == token) {
    inside += step;
    step *= 2;
  }
  for (; step > 0; step /= 2) {
    if (inside + step < rows && tokens[sorted[inside + step]] == token) {
      inside += step;
    }
  }
  return inside + 1;
}

// Blocks (row of the sorted order, columns): the first of a run of equal tokens adds the run up, in
// the order of the text. Its end is known before, so that many rows can be on their way at once, in
// registers that the compiler leaves unused where it is not told of few blocks.
template <int kWidth>
__global__ void __launch_bounds__(kColumnThreads, 6)
    add_runs_kernel(const std::int32_t* tokens, const std::int32_t* sorted, const float* dx,
                    float* table_gradient, std::int64_t rows, std::int64_t d,
                    std::int64_t vocabulary) {
  const std::int64_t first = blockIdx.x;
  const int token = tokens[sorted[first]];
  const std::int64_t col =
      (static_cast<std::int64_t>(blockIdx.y) * blockDim.x + threadIdx.x) * kWidth;
  const bool is_inside = first > 0 && tokens[sorted[first - 1]] == token;
  if (is_inside || col >= d || token < 0 || token >= vocabulary) {
    return;
  }
  const std::int64_t end = end_of_run(tokens, sorted, first, rows);
  auto sum = load<kWidth>(table_gradient + token * d + col);
  for (std::int64_t i = first; i < end; i += kRowsAtOnce) {
    Pack<float, kWidth> parts[kRowsAtOnce] = {};
    const std::int64_t count = end - i;
#pragma unroll
    for (int row = 0; row < kRowsAtOnce; ++row) {
      if (row < count) {
        parts[row] = load<kWidth>(dx + sorted[i + row] * d + col);
      }
    }
#pragma unroll
    for (int row = 0; row < kRowsAtOnce; ++row) {
      for (int j = 0; j < kWidth; ++j) {
        sum.at[j] = row < count ? sum.at[j] + parts[row].at[j] : sum.at[j];
      }
    }
  }
  store(sum, table_gradient + token * d + col);
}

struct DigitKey {
  const std::int32_t* tokens;
  const std::int32_t* rows;  // in the order so far
  int shift;
  std::int64_t vocabulary;
  Fault* fault;

  __device__ int operator()(std::int64_t i) const {
    const int token = tokens[rows[i]];
    return is_below(token, vocabulary, Fault::kToken, fault) ? (token >> shift) & 255 : 255;
  }
};

struct WriteRow {
  const std::int32_t* from;
  std::int32_t* to;

  __device__ void operator()(std::int64_t i, int place, int /*bucket*/) const {
    to[place] = from[i];
  }
};

// The rows by token, those of one token ascending: eight bits a pass, the lowest first.
Tensor sorted_rows(Stream& stream, const Tensor& tokens, std::int64_t vocabulary) {
  Tensor rows = cuda::ascending(stream, 0, tokens.elements());
  for (int shift = 0; ((vocabulary - 1) >> shift) > 0; shift += 8) {
    Tensor next(stream, rows.shape(), DType::kInt32);
    const auto* from = data_of<std::int32_t>(rows);
    order_stably(
        stream, rows.elements(), 256,
        DigitKey{data_of<std::int32_t>(tokens), from, shift, vocabulary, stream.queue().fault()},
        WriteRow{from, data_of<std::int32_t>(next)});
    rows = std::move(next);
  }
  return rows;
}

}  // namespace

void embedding(Stream& stream, const Tensor& tokens, const Tensor& table, const Tensor& x) {
  with_float_type(table.dtype(), [&]<class T>(T) {
    with_width(
        width_of(x.cols(), {&table, &x}), [&]<int kWidth>(std::integral_constant<int, kWidth>) {
          launch(stream, {.blocks = {blocks_for(x.rows(), kThreads / kWarp)}},
                 embedding_kernel<T, kWidth>, data_of<std::int32_t>(tokens), data_of<T>(table),
                 data_of<float>(x), x.rows(), x.cols(), table.rows(), stream.queue().fault());
        });
  });
}

void embedding_backward(Stream& stream, const Tensor& tokens, const Tensor& dx,
                        const Tensor& table_gradient) {
  if (dx.empty()) {
    return;
  }

  const Tensor sorted = sorted_rows(stream, tokens, table_gradient.rows());
  with_width(width_of(dx.cols(), {&dx, &table_gradient}),
             [&]<int kWidth>(std::integral_constant<int, kWidth>) {
               launch(stream,
                      {.blocks = {static_cast<unsigned>(dx.rows()),
                                  blocks_for(dx.cols(), kColumnThreads * kWidth)},
                       .threads = {kColumnThreads}},
                      add_runs_kernel<kWidth>, data_of<std::int32_t>(tokens),
                      data_of<std::int32_t>(sorted), data_of<float>(dx),
                      data_of<float>(table_gradient), dx.rows(), dx.cols(), table_gradient.rows());
             });
}

}  // namespace bam::cuda
