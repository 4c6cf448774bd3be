// Stands in for cuBLASLt: plain loops, sums in fp32.
#include "runtime/cuda/products.h"

#include "runtime/check.h"
#include "runtime/cuda/queue.h"
#include "runtime/dispatch.h"

namespace bam::cuda {
namespace {

// A matrix as the product takes it: cuBLASLt knows addresses and keeps no Tensor alive.
struct View {
  const std::byte* elements;
  std::int64_t rows;  // as they are stored
  std::int64_t cols;
  bool is_transposed;

  std::int64_t depth_as_a() const { return is_transposed ? rows : cols; }
  template <class T>
  float at(std::int64_t row, std::int64_t col) const {
    const std::int64_t place = is_transposed ? col * cols + row : row * cols + col;
    return static_cast<float>(reinterpret_cast<const T*>(elements)[place]);
  }
};

View view_of(const Operand& operand) {
  const Tensor& matrix = operand.matrix;
  return {matrix.raw(), matrix.rows(), matrix.cols(), operand.is_transposed};
}

template <class T>
float product(const View& a, const View& b, std::int64_t row, std::int64_t col) {
  float sum = 0;
  for (std::int64_t i = 0; i < a.depth_as_a(); ++i) {
    sum += a.at<T>(row, i) * b.at<T>(i, col);
  }
  return sum;
}

}  // namespace

class Products::CublasLt {};

Products::Products() = default;
Products::~Products() = default;

void Products::compute(Stream& stream, const Operand& a, const Operand& b, const Tensor& c,
                       Write write) {
  for (const Tensor* tensor : {&a.matrix, &b.matrix, &c}) {
    check(tensor->device() == DeviceKind::kCuda, "a product of the GPU with a tensor on the host");
  }
  with_float_type(a.matrix.dtype(), [&]<class T>(T) {
    with_float_type(c.dtype(), [&]<class Out>(Out) {
      auto* out = reinterpret_cast<Out*>(c.raw());
      stream.queue().handle()->put([a = view_of(a), b = view_of(b), out, write,
                                    elements = c.elements(), cols = c.cols()] {
        for (std::int64_t i = 0; i < elements; ++i) {
          const float sum = product<T>(a, b, i / cols, i % cols);
          out[i] = static_cast<Out>(write == Write::kAdd ? static_cast<float>(out[i]) + sum : sum);
        }
        return true;
      });
    });
  });
}

}  // namespace bam::cuda
