// Rows to experts and back.
#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

// One warp a row, in units of 16, 4 or 2 bytes.
template <class Unit>
__global__ void gather_kernel(const Unit* in, const std::int32_t* rows, Unit* out,
                              std::int64_t count, std::int64_t units, std::int64_t in_rows,
                              Fault* fault) {
  const std::int64_t row = place() / kWarp;
  if (row >= count) {
    return;
  }
  const std::int32_t from = rows[row];
  if (from != kNoRow && !is_below(from, in_rows, Fault::kRow, fault)) {
    return;
  }
  for (std::int64_t i = threadIdx.x % kWarp; i < units; i += kWarp) {
    out[row * units + i] = from == kNoRow ? Unit() : in[from * units + i];
  }
}

template <class Unit>
bool gathers_in(std::int64_t row_bytes, const Tensor& in, const Tensor& out) {
  const auto addresses =
      reinterpret_cast<std::uintptr_t>(in.raw()) | reinterpret_cast<std::uintptr_t>(out.raw());
  return row_bytes % static_cast<std::int64_t>(sizeof(Unit)) == 0 && addresses % sizeof(Unit) == 0;
}

template <class Unit>
void gather(Stream& stream, const Tensor& in, const Tensor& rows, const Tensor& out) {
  const auto row_bytes = static_cast<std::int64_t>(bytes_of(in.dtype())) * in.cols();
  const std::int64_t units = row_bytes / static_cast<std::int64_t>(sizeof(Unit));
  launch(stream, warp_a_row(out.rows()), gather_kernel<Unit>,
         reinterpret_cast<const Unit*>(in.raw()), data_of<std::int32_t>(rows),
         reinterpret_cast<Unit*>(out.raw()), out.rows(), units, in.rows(), stream.queue().fault());
}

// One warp a row.
template <class T, int kWidth>
__global__ void scatter_add_kernel(const T* in, const std::int32_t* rows, float* sum,
                                   std::int64_t count, std::int64_t cols, std::int64_t sum_rows,
                                   Fault* fault) {
  const std::int64_t row = place() / kWarp;
  if (row >= count || !is_below(rows[row], sum_rows, Fault::kRow, fault)) {
    return;
  }
  float* to = sum + rows[row] * cols;
  for (std::int64_t i = threadIdx.x % kWarp * kWidth; i < cols; i += kWarp * kWidth) {
    const auto from = load<kWidth>(in + row * cols + i);
    auto out = load<kWidth>(to + i);
    for (int j = 0; j < kWidth; ++j) {
      out.at[j] += widen(from.at[j]);
    }
    store(out, to + i);
  }
}

// One warp a token.
template <class T, int kWidth>
__global__ void combine_kernel(const T* answers, const std::int32_t* row_of_slot,
                               const float* gates, float* sum, std::int64_t tokens, std::int64_t k,
                               std::int64_t cols, std::int64_t answer_rows, Fault* fault) {
  const std::int64_t token = place() / kWarp;
  if (token >= tokens) {
    return;
  }
  for (std::int64_t i = threadIdx.x % kWarp * kWidth; i < cols; i += kWarp * kWidth) {
    auto out = load<kWidth>(sum + token * cols + i);
    for (std::int64_t slot = token * k; slot < (token + 1) * k; ++slot) {
      if (row_of_slot[slot] == kNoRow) {
        continue;
      }
      if (!is_below(row_of_slot[slot], answer_rows, Fault::kRow, fault)) {
        return;
      }
      const auto answer = load<kWidth>(answers + row_of_slot[slot] * cols + i);
      for (int j = 0; j < kWidth; ++j) {
        out.at[j] += gates[slot] * widen(answer.at[j]);
      }
    }
    store(out, sum + token * cols + i);
  }
}

// One warp a slot.
template <class T, int kWidth>
__global__ void combine_backward_kernel(const T* answers, const std::int32_t* row_of_slot,
                                        const float* gates, const float* d_sum, T* d_answers,
                                        float* d_gates, std::int64_t slots, std::int64_t k,
                                        std::int64_t cols, std::int64_t answer_rows, Fault* fault) {
  const std::int64_t slot = place() / kWarp;
  if (slot >= slots) {
    return;
  }
  const std::int64_t row = row_of_slot[slot];
  if (row == kNoRow) {
    d_gates[slot] = 0;  // by every lane alike
    return;
  }
  if (!is_below(row_of_slot[slot], answer_rows, Fault::kRow, fault)) {
    return;
  }
  float sum = 0;
  for (std::int64_t i = threadIdx.x % kWarp * kWidth; i < cols; i += kWarp * kWidth) {
    const auto slope = load<kWidth>(d_sum + slot / k * cols + i);
    const auto answer = load<kWidth>(answers + row * cols + i);
    Pack<T, kWidth> out;
    for (int j = 0; j < kWidth; ++j) {
      sum += slope.at[j] * widen(answer.at[j]);
      out.at[j] = rounded<T>(gates[slot] * slope.at[j]);
    }
    store(out, d_answers + row * cols + i);
  }
  sum = warp_reduce(sum, Sum());
  if (threadIdx.x % kWarp == 0) {
    d_gates[slot] = sum;
  }
}

}  // namespace

void gather_rows(Stream& stream, const Tensor& in, const Tensor& rows, const Tensor& out) {
  using Sixteen = Pack<std::uint32_t, 4>;
  const auto row_bytes = static_cast<std::int64_t>(bytes_of(in.dtype())) * in.cols();
  if (out.empty()) {
    return;
  }
  if (gathers_in<Sixteen>(row_bytes, in, out)) {
    gather<Sixteen>(stream, in, rows, out);
  } else if (gathers_in<std::uint32_t>(row_bytes, in, out)) {
    gather<std::uint32_t>(stream, in, rows, out);
  } else {
    gather<std::uint16_t>(stream, in, rows, out);
  }
}

void scatter_add_rows(Stream& stream, const Tensor& in, const Tensor& rows, const Tensor& sum) {
  with_float_type(in.dtype(), [&]<class T>(T) {
    with_wide_rows<T>(in.cols(), {&in, &sum}, [&]<int kWidth>(std::integral_constant<int, kWidth>) {
      launch(stream, warp_a_row(in.rows()), scatter_add_kernel<T, kWidth>, data_of<T>(in),
             data_of<std::int32_t>(rows), data_of<float>(sum), in.rows(), in.cols(), sum.rows(),
             stream.queue().fault());
    });
  });
}

void combine_rows(Stream& stream, const Tensor& answers, const Tensor& row_of_slot,
                  const Tensor& gates, const Tensor& sum) {
  with_float_type(answers.dtype(), [&]<class T>(T) {
    with_wide_rows<T>(
        sum.cols(), {&answers, &sum}, [&]<int kWidth>(std::integral_constant<int, kWidth>) {
          launch(stream, warp_a_row(sum.rows()), combine_kernel<T, kWidth>, data_of<T>(answers),
                 data_of<std::int32_t>(row_of_slot), data_of<float>(gates), data_of<float>(sum),
                 sum.rows(), row_of_slot.cols(), sum.cols(), answers.rows(),
                 stream.queue().fault());
        });
  });
}

void combine_rows_backward(Stream& stream, const Tensor& answers, const Tensor& row_of_slot,
                           const Tensor& gates, const Tensor& d_sum, const Tensor& d_answers,
                           const Tensor& d_gates) {
  with_float_type(answers.dtype(), [&]<class T>(T) {
    with_wide_rows<T>(d_sum.cols(), {&answers, &d_sum, &d_answers},
                      [&]<int kWidth>(std::integral_constant<int, kWidth>) {
                        launch(stream, warp_a_row(row_of_slot.elements()),
                               combine_backward_kernel<T, kWidth>, data_of<T>(answers),
                               data_of<std::int32_t>(row_of_slot), data_of<float>(gates),
                               data_of<float>(d_sum), data_of<T>(d_answers),
                               data_of<float>(d_gates), row_of_slot.elements(), row_of_slot.cols(),
                               d_sum.cols(), answers.rows(), stream.queue().fault());
                      });
  });
}

}  // namespace bam::cuda
