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

}  // namespace bam::cuda
