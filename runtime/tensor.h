#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/dtype.h"
#include "runtime/stream.h"

namespace bam {

using Shape = std::vector<std::int64_t>;

/// "(3, 4)".
std::string text_of(const Shape& shape);
/// Product of the dimensions; 1 for no dimensions.
std::int64_t elements_of(const Shape& shape);

/// A dense row-major array, or a view of whole rows of one. Copies share their elements: a Tensor
/// is a handle, and constness is the handle's, not the elements'. They lie on the device of the
/// stream it was made with; the host reads and writes those of a CPU alone (others:
/// runtime/host.h).
class Tensor {
 public:
  /// No array at all: empty() is true.
  Tensor() = default;
  /// Uninitialised elements from the stream's memory.
  Tensor(Stream& stream, Shape shape, DType dtype);

  bool empty() const { return elements() == 0; }
  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  DeviceKind device() const { return device_; }
  std::int64_t elements() const { return elements_; }
  std::size_t bytes() const { return static_cast<std::size_t>(elements_) * bytes_of(dtype_); }
  /// First dimension, and the product of the others.
  std::int64_t rows() const { return shape_.empty() ? 0 : shape_[0]; }
  std::int64_t cols() const { return rows() == 0 ? row_elements() : elements_ / rows(); }

  /// The elements; throws Error unless T is the tensor's dtype and the host can read them.
  template <class T>
  T* data() const {
    if (dtype_ != dtype_of<T>() || !is_on_host()) {
      refuse(dtype_of<T>());
    }
    return reinterpret_cast<T*>(raw());
  }
  template <class T>
  std::span<T> span() const {
    return {data<T>(), static_cast<std::size_t>(elements_)};
  }
  /// Address of the first element on device(): for kernels and for what moves bytes.
  std::byte* raw() const { return storage_.get() + offset_; }
  /// Whether data() and span() serve. Values elsewhere are checked by the kernels that read them.
  bool is_on_host() const { return device_ == DeviceKind::kCpu; }
  /// Throws Error unless the elements are `wanted`.
  void check_dtype(DType wanted) const;

  /// View of rows [begin, end).
  Tensor slice(std::int64_t begin, std::int64_t end) const;
  /// The same elements under another shape of as many elements.
  Tensor reshape(Shape shape) const;

 private:
  // Why the host cannot read it as `wanted`; kernels ask for addresses too often for a call each.
  [[noreturn]] void refuse(DType wanted) const;
  std::int64_t row_elements() const;

  std::shared_ptr<std::byte> storage_;
  std::size_t offset_ = 0;  // bytes
  Shape shape_;
  std::int64_t elements_ = 0;
  DType dtype_ = DType::kFloat32;
  DeviceKind device_ = DeviceKind::kCpu;
};

}  // namespace bam
