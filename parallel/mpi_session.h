#pragma once

#include <functional>
#include <memory>

namespace bam {

/// MPI from its start to its end; one a process. Under mpirun or srun the process is one rank of
/// the job, started by itself it is the only one.
class MpiSession {
 public:
  MpiSession();
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  /// Runs this rank's part of a job. An exception ends the whole job at once: the rank and the
  /// cause are printed, and every process ends with the exit code (2 for BadInput, else 1).
  /// BadInput that every rank meets with the same words is printed once.
  int guarded(const std::function<int()>& part);

 private:
  class Refusals;
  std::unique_ptr<Refusals> refusals_;
};

/// Ends every process of the job with this exit code, or, where MPI cannot reach them in a few
/// seconds, at least this one. Any thread may call it.
[[noreturn]] void abort_job(int code) noexcept;

}  // namespace bam
