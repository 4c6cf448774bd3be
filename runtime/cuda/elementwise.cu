#include <vector>

#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

template <class T, int kWidth>
__global__ void fill_kernel(T* out, T value, std::int64_t packs) {
  const std::int64_t i = place();
  if (i < packs) {
    Pack<T, kWidth> pack;
    for (int j = 0; j < kWidth; ++j) {
      pack.at[j] = value;
    }
    store(pack, out + i * kWidth);
  }
}

template <class From, class To, int kWidth>
__global__ void convert_kernel(const From* from, To* to, std::int64_t packs) {
  const std::int64_t i = place();
  if (i < packs) {
    const auto in = load<kWidth>(from + i * kWidth);
    Pack<To, kWidth> out;
    for (int j = 0; j < kWidth; ++j) {
      out.at[j] = rounded<To>(widen(in.at[j]));
    }
    store(out, to + i * kWidth);
  }
}

template <class T, int kWidth>
__global__ void add_kernel(const T* part, float* sum, std::int64_t packs) {
  const std::int64_t i = place();
  if (i < packs) {
    const auto in = load<kWidth>(part + i * kWidth);
    auto out = load<kWidth>(sum + i * kWidth);
    for (int j = 0; j < kWidth; ++j) {
      out.at[j] += widen(in.at[j]);
    }
    store(out, sum + i * kWidth);
  }
}

// One warp a row.
template <class T, int kWidth>
__global__ void scale_rows_kernel(const T* in, const float* factors, std::int64_t factor_cols,
                                  T* out, std::int64_t rows, std::int64_t cols) {
  const std::int64_t row = place() / kWarp;
  if (row >= rows) {
    return;
  }
  const float factor = factors[row * factor_cols];
  for (std::int64_t i = threadIdx.x % kWarp * kWidth; i < cols; i += kWarp * kWidth) {
    auto pack = load<kWidth>(in + row * cols + i);
    for (int j = 0; j < kWidth; ++j) {
      pack.at[j] = rounded<T>(factor * widen(pack.at[j]));
    }
    store(pack, out + row * cols + i);
  }
}

// One warp a row.
template <class T, int kWidth>
__global__ void dot_rows_kernel(const T* a, const T* b, float* dots, std::int64_t dot_cols,
                                std::int64_t rows, std::int64_t cols) {
  const std::int64_t row = place() / kWarp;
  if (row >= rows) {
    return;
  }
  float sum = 0;
  for (std::int64_t i = threadIdx.x % kWarp * kWidth; i < cols; i += kWarp * kWidth) {
    const auto x = load<kWidth>(a + row * cols + i);
    const auto y = load<kWidth>(b + row * cols + i);
    for (int j = 0; j < kWidth; ++j) {
      sum += widen(x.at[j]) * widen(y.at[j]);
    }
  }
  sum = warp_reduce(sum, Sum());
  if (threadIdx.x % kWarp == 0) {
    dots[row * dot_cols] = sum;
  }
}

}  // namespace

void fill_zero(Stream& stream, const Tensor& out) {
  if (!out.empty()) {
    check_cuda(cudaMemsetAsync(out.raw(), 0, out.bytes(), stream.queue().handle()), "zeroing");
  }
}

void fill(Stream& stream, const Tensor& out, float value) {
  with_width(width_of(out.elements(), {&out}),
             [&]<int kWidth>(std::integral_constant<int, kWidth>) {
               const std::int64_t packs = out.elements() / kWidth;
               launch(stream, thread_each(packs), fill_kernel<float, kWidth>, data_of<float>(out),
                      value, packs);
             });
}

void copy(Stream& stream, const Tensor& from, const Tensor& to) {
  if (from.empty()) {
    return;
  }
  if (from.dtype() == to.dtype()) {
    check_cuda(cudaMemcpyAsync(to.raw(), from.raw(), from.bytes(), cudaMemcpyDeviceToDevice,
                               stream.queue().handle()),
               "copy on the GPU");
    return;
  }
  with_width(width_of(from.elements(), {&from, &to}),
             [&]<int kWidth>(std::integral_constant<int, kWidth>) {
               const std::int64_t packs = from.elements() / kWidth;
               const Grid grid = thread_each(packs);
               if (to.dtype() == DType::kBFloat16) {
                 launch(stream, grid, convert_kernel<float, bfloat16, kWidth>, data_of<float>(from),
                        data_of<bfloat16>(to), packs);
               } else {
                 launch(stream, grid, convert_kernel<bfloat16, float, kWidth>,
                        data_of<bfloat16>(from), data_of<float>(to), packs);
               }
             });
}

void add(Stream& stream, const Tensor& part, const Tensor& sum) {
  with_float_type(part.dtype(), [&]<class T>(T) {
    with_width(width_of(part.elements(), {&part, &sum}),
               [&]<int kWidth>(std::integral_constant<int, kWidth>) {
                 const std::int64_t packs = part.elements() / kWidth;
                 launch(stream, thread_each(packs), add_kernel<T, kWidth>, data_of<T>(part),
                        data_of<float>(sum), packs);
               });
  });
}

void scale_rows(Stream& stream, const Tensor& in, const Tensor& factors, std::int64_t column,
                const Tensor& out) {
  with_float_type(in.dtype(), [&]<class T>(T) {
    with_wide_rows<T>(in.cols(), {&in, &out}, [&]<int kWidth>(std::integral_constant<int, kWidth>) {
      launch(stream, warp_a_row(in.rows()), scale_rows_kernel<T, kWidth>, data_of<T>(in),
             data_of<float>(factors) + column, factors.cols(), data_of<T>(out), in.rows(),
             in.cols());
    });
  });
}

void dot_rows(Stream& stream, const Tensor& a, const Tensor& b, const Tensor& dots,
              std::int64_t column) {
  with_float_type(a.dtype(), [&]<class T>(T) {
    with_wide_rows<T>(a.cols(), {&a, &b}, [&]<int kWidth>(std::integral_constant<int, kWidth>) {
      launch(stream, warp_a_row(a.rows()), dot_rows_kernel<T, kWidth>, data_of<T>(a), data_of<T>(b),
             data_of<float>(dots) + column, dots.cols(), a.rows(), a.cols());
    });
  });
}

}  // namespace bam::cuda
