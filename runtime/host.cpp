#include "runtime/host.h"

#include <algorithm>

#include "runtime/check.h"
#include "runtime/cuda/device.h"

namespace bam {
namespace {

void check_sizes(const Tensor& tensor, std::size_t bytes) {
  check(bytes == tensor.bytes(), "host copy of ", bytes, " bytes for a tensor ",
        text_of(tensor.shape()), " of ", name_of(tensor.dtype()));
}

}  // namespace

void to_host(Stream& stream, const Tensor& from, std::span<std::byte> to) {
  check_sizes(from, to.size());
  if (from.device() == DeviceKind::kCuda) {
    cuda::copy_to_host(stream, from.raw(), to.data(), to.size());
  } else {
    std::copy_n(from.raw(), to.size(), to.data());
  }
}

void to_device(Stream& stream, std::span<const std::byte> from, const Tensor& to) {
  check_sizes(to, from.size());
  if (to.device() == DeviceKind::kCuda) {
    cuda::copy_to_device(stream, from.data(), to.raw(), from.size());
  } else {
    std::copy_n(from.data(), from.size(), to.raw());
  }
}

HostView::HostView(Stream& stream, Tensor tensor) : tensor_(std::move(tensor)) {
  if (!tensor_.is_on_host()) {
    copy_ = to_host<float>(stream, tensor_);
  }
}

void HostView::write_back(Stream& stream) {
  if (!tensor_.is_on_host()) {
    to_device(stream, copy_, tensor_);
  }
}

}  // namespace bam
