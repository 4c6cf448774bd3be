#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/exchange.h"
#include "runtime/pending.h"

namespace bam {

/// MPI from its start to its end; one a process. Under mpirun or srun the process is one rank of
/// the job, started by itself it is the only one.
class MpiSession {
 public:
  MpiSession();
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  /// Runs this rank's part of a job. An exception ends the whole job at once: the rank and the cause
  /// are printed, and every process ends with the exit code (2 for BadInput, else 1).
  int guarded(const std::function<int()>& part);
};

/// A group of ranks and what they can do together. Every operation is started by all ranks of the
/// group in the same order and completes in its Pending.
class Communicator {
 public:
  /// All ranks of the job.
  static Communicator world(const MpiSession& session);
  /// The ranks that give the same color, ordered by key. Every rank of this group calls it.
  Communicator split(int color, int key) const;
  Communicator(Communicator&&) noexcept;
  Communicator& operator=(Communicator&&) noexcept;
  ~Communicator();

  int rank() const { return rank_; }
  int size() const { return size_; }

  /// Point-to-point transfers, as Exchange::start promises them; of any size.
  [[nodiscard]] Pending transfer(Stream& stream, std::vector<Transfer> sends,
                                 std::vector<Transfer> receives);
  /// BEFORE: values of this rank.  AFTER: their sums over ranks, added in rank order, so that every
  /// rank and every run gets the same bits. `values` outlives the Pending.
  [[nodiscard]] Pending all_reduce_sum(Stream& stream, std::span<double> values);
  /// BEFORE: the root's bytes.  AFTER: everyone's. `bytes` has the same size everywhere.
  [[nodiscard]] Pending broadcast(Stream& stream, std::span<std::byte> bytes, int root);
  /// AFTER: part r of `all` (size() parts, each as large as `own`) holds rank r's bytes.
  [[nodiscard]] Pending all_gather(Stream& stream, std::span<const std::byte> own,
                                   std::span<std::byte> all);
  /// Complete when every rank has started it.
  [[nodiscard]] Pending barrier(Stream& stream);

 private:
  struct Handle;  // an MPI communicator
  explicit Communicator(std::unique_ptr<Handle> handle);

  std::unique_ptr<Handle> handle_;
  int rank_ = 0;
  int size_ = 1;
  int next_tag_ = 0;
};

}  // namespace bam
