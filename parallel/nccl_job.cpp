#include "parallel/nccl_job.h"

#include <chrono>
#include <future>
#include <thread>

#include "runtime/check.h"

namespace bam {
namespace {

constexpr std::chrono::seconds kPatience{3};

}  // namespace

void NcclJob::add(ncclComm_t comm) {
  const std::lock_guard lock(mutex_);
  comms_.push_back(comm);
}

void NcclJob::destroy(ncclComm_t comm) {
  {
    const std::lock_guard lock(mutex_);
    if (std::erase(comms_, comm) == 0) {
      return;  // aborted
    }
  }
  nccl_.check_ok(nccl_.comm_destroy(comm), "ncclCommDestroy");
}

std::string NcclJob::fault() const {
  const std::lock_guard lock(mutex_);
  for (const ncclComm_t comm : comms_) {
    ncclResult_t found = ncclSuccess;
    const ncclResult_t asked = nccl_.comm_get_async_error(comm, &found);
    const ncclResult_t code = asked == ncclSuccess ? found : asked;
    if (code != ncclSuccess && code != ncclInProgress) {
      return message_of("NCCL: ", nccl_.get_error_string(code), ": ", nccl_.get_last_error(comm));
    }
  }
  return {};
}

// NCCL's abort may itself wait for ever: whoever ends the job does not.
void NcclJob::abort() noexcept {
  std::vector<ncclComm_t> comms;
  {
    const std::lock_guard lock(mutex_);
    comms.swap(comms_);
    is_aborted_ = true;
  }
  if (comms.empty()) {
    return;
  }
  try {
    std::packaged_task<void()> work([comms, abort = nccl_.comm_abort] {
      for (const ncclComm_t comm : comms) {
        abort(comm);
      }
    });
    const std::future<void> is_over = work.get_future();
    std::thread(std::move(work)).detach();
    is_over.wait_for(kPatience);
  } catch (...) {  // no thread to be had: the process's end has to do
  }
}

void NcclJob::check_alive() const {
  check(!is_aborted_, "NCCL: its communicators have been aborted");
}

}  // namespace bam
