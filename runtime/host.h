#pragma once

#include <span>
#include <utility>
#include <vector>

#include "runtime/tensor.h"

namespace bam {

/// to = the tensor's bytes. Waits for what the stream was given before. Sizes must agree.
void to_host(Stream& stream, const Tensor& from, std::span<std::byte> to);

/// The tensor's elements, wherever they are. Waits for what the stream was given before.
template <class T>
std::vector<T> to_host(Stream& stream, const Tensor& from) {
  from.check_dtype(dtype_of<T>());
  std::vector<T> values(static_cast<std::size_t>(from.elements()));
  to_host(stream, from, std::as_writable_bytes(std::span(values)));
  return values;
}

/// The tensor's bytes = from, in the stream's order; `from` may be reused at once. Sizes must
/// agree.
void to_device(Stream& stream, std::span<const std::byte> from, const Tensor& to);

/// The tensor's elements = from.
template <class T>
void to_device(Stream& stream, const std::vector<T>& from, const Tensor& to) {
  to.check_dtype(dtype_of<T>());
  to_device(stream, std::as_bytes(std::span(from)), to);
}

/// A new tensor of the stream's device with these elements.
template <class T>
Tensor to_device(Stream& stream, Shape shape, const std::vector<T>& from) {
  Tensor to(stream, std::move(shape), dtype_of<T>());
  to_device(stream, from, to);
  return to;
}

/// A tensor's fp32 elements for the host to read and to write: its own where the host can reach them,
/// elsewhere a copy, which write_back puts into the tensor.
class HostView {
 public:
  HostView() = default;
  HostView(Stream& stream, Tensor tensor);

  std::span<float> values() { return tensor_.is_on_host() ? tensor_.span<float>() : copy_; }
  void write_back(Stream& stream);

 private:
  Tensor tensor_;
  std::vector<float> copy_;  // where the tensor is not on the host
};

}  // namespace bam
