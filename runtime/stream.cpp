#include "runtime/stream.h"

#include "runtime/check.h"
#include "runtime/cuda/device.h"

namespace bam {

Stream::Stream(Memory& memory, Urgency urgency) : memory_(&memory) {
  if (device() == DeviceKind::kCuda) {
    queue_ = cuda::make_queue(urgency);
  }
}

Memory& Stream::use(Memory& memory) {
  check(memory.device() == device(), "a stream of a ", name_of(device()), " with memory of a ",
        name_of(memory.device()));
  return *std::exchange(memory_, &memory);
}

void Stream::synchronise() {
  if (device() == DeviceKind::kCuda) {
    cuda::synchronise(*this);
  }
}

std::int64_t Stream::waits() const { return queue_ == nullptr ? 0 : cuda::waits(*queue_); }

}  // namespace bam
