#include "runtime/tensor.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "runtime/check.h"

namespace bam {

std::string text_of(const Shape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + ")";
}

std::int64_t elements_of(const Shape& shape) {
  if (std::ranges::find(shape, 0) != shape.end()) {  // the others' product may be too large to hold
    return 0;
  }
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

Tensor::Tensor(Stream& stream, Shape shape, DType dtype)
    : shape_(std::move(shape)),
      elements_(elements_of(shape_)),
      dtype_(dtype),
      device_(stream.device()) {
  for (const std::int64_t size : shape_) {
    check(size >= 0, "tensor of negative size ", text_of(shape_));
  }
  Memory& memory = stream.memory();
  const std::size_t size = bytes();
  storage_ =
      std::shared_ptr<std::byte>(static_cast<std::byte*>(memory.take(size)),
                                 [&memory, size](std::byte* block) { memory.give(block, size); });
}

Tensor Tensor::slice(std::int64_t begin, std::int64_t end) const {
  check(0 <= begin && begin <= end && end <= rows(), "rows [", begin, ", ", end, ") of a tensor ",
        text_of(shape_));
  Tensor view = *this;
  view.offset_ += static_cast<std::size_t>(begin * row_elements()) * bytes_of(dtype_);
  view.shape_[0] = end - begin;
  view.elements_ = elements_of(view.shape_);
  return view;
}

Tensor Tensor::reshape(Shape shape) const {
  check(elements_of(shape) == elements_, "tensor ", text_of(shape_), " seen as ", text_of(shape));
  Tensor view = *this;
  view.shape_ = std::move(shape);
  return view;
}

void Tensor::check_dtype(DType wanted) const {
  check(dtype_ == wanted, "tensor of ", name_of(dtype_), " read as ", name_of(wanted));
}

void Tensor::refuse(DType wanted) const {
  check_dtype(wanted);
  throw Error(message_of("the host reads a tensor ", text_of(shape_), " that is on ", name_of(device_)));
}

std::int64_t Tensor::row_elements() const {
  return shape_.empty() ? 0
                        : std::accumulate(shape_.begin() + 1, shape_.end(), std::int64_t{1},
                                          std::multiplies<>());
}

}  // namespace bam
