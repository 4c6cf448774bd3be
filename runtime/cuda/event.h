#pragma once

#include <cuda_runtime.h>

#include "runtime/cuda/check_cuda.h"
#include "runtime/cuda/queue.h"

namespace bam::cuda {

/// A place in a GPU stream's work that other streams and the host can wait for: the end of what the
/// stream has been given when it is made. Of work that is being recorded (runtime/recording.h) only
/// streams can wait for it, and are then recorded too.
class Event {
 public:
  explicit Event(const Queue& queue) {
    check_cuda(cudaEventCreateWithFlags(&handle_, cudaEventDisableTiming), "cudaEventCreate");
    check_cuda(cudaEventRecord(handle_, queue.handle()), "cudaEventRecord");
    cudaStreamCaptureStatus status{};
    check_cuda(cudaStreamIsCapturing(queue.handle(), &status), "cudaStreamIsCapturing");
    is_recorded_ = status != cudaStreamCaptureStatusNone;
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { cudaEventDestroy(handle_); }

  bool is_over() const {
    if (is_recorded_) {
      return false;
    }
    const cudaError_t code = cudaEventQuery(handle_);
    if (code == cudaErrorNotReady) {
      return false;
    }
    check_cuda(code, "asking the GPU");
    return true;
  }
  /// What `queue` is given from now on comes after it.
  void hold_back(const Queue& queue) const {
    check_cuda(cudaStreamWaitEvent(queue.handle(), handle_, 0), "cudaStreamWaitEvent");
  }
  /// The host waits.
  void wait() const { check_cuda(cudaEventSynchronize(handle_), "waiting for the GPU"); }

 private:
  cudaEvent_t handle_ = nullptr;
  bool is_recorded_ = false;
};

}  // namespace bam::cuda
