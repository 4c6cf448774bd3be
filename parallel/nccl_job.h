#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "parallel/nccl_library.h"

namespace bam {

/// The NCCL communicators of one job on this rank, for those who look after them: any thread may
/// ask what has gone wrong, and end all of them.
class NcclJob {
 public:
  const NcclLibrary& nccl() const { return nccl_; }

  void add(ncclComm_t comm);
  /// Waits for what is in flight on it, and lets it go. Collective.
  void destroy(ncclComm_t comm);

  /// What NCCL says has gone wrong behind its callers' backs; empty: nothing.
  std::string fault() const;
  /// Ends what is in flight, in kPatience at most, and all use of the communicators.
  void abort() noexcept;
  /// Throws Error once there is no use of them any more.
  void check_alive() const;

 private:
  NcclLibrary nccl_;
  mutable std::mutex mutex_;
  std::vector<ncclComm_t> comms_;
  std::atomic<bool> is_aborted_ = false;
};

}  // namespace bam
