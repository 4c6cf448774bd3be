#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/exchange.h"
#include "parallel/transfer_clock.h"
#include "runtime/pending.h"

namespace bam {

class MpiSession;

/// A group of ranks and what they can do together. Every operation is started by all ranks of the
/// group in the same order and completes in its Pending.
class Communicator {
 public:
  /// What moves the bytes: MPI, and whatever else is written against it.
  class Backend {
   public:
    virtual ~Backend() = default;
    virtual int rank() const = 0;
    virtual int size() const = 0;
    /// What it is, as in "MPI".
    virtual const char* name() const = 0;
    /// Whether transfer() is work of the stream's GPU alone, which a Recording takes in.
    virtual bool can_be_recorded() const { return false; }
    virtual std::unique_ptr<Backend> split(int color, int key) const = 0;
    virtual Pending transfer(Stream& stream, std::vector<Transfer> sends,
                             std::vector<Transfer> receives) = 0;
    virtual Pending broadcast(Stream& stream, std::span<std::byte> bytes, int root) = 0;
    virtual Pending all_gather(Stream& stream, std::span<const std::byte> own,
                               std::span<std::byte> all) = 0;
    virtual Pending barrier(Stream& stream) = 0;

    /// What has gone wrong that no operation tells of; empty: nothing. Any thread may ask.
    virtual std::string fault() const { return {}; }
    /// Ends what is in flight, in seconds at most, and all use of every backend that it was split
    /// from or into. Any thread may call it, to end the job.
    virtual void abort() noexcept {}
  };

  /// All ranks of the job, by MPI.
  static Communicator world(const MpiSession& session);
  /// What moves the bytes of world().
  static std::unique_ptr<Backend> mpi(const MpiSession& session);
  /// `clock` is shared by all communicators of the job.
  Communicator(std::unique_ptr<Backend> backend, std::shared_ptr<TransferClock> clock,
               const char* name = "world");
  /// The ranks that give the same color, ordered by key. Every rank of this group calls it. `name`
  /// is for messages.
  Communicator split(int color, int key, const char* name = "group") const;

  int rank() const { return rank_; }
  int size() const { return size_; }
  /// What moves the bytes, as in "MPI".
  const char* transport() const { return backend_->name(); }
  /// As Backend promises them.
  std::string fault() const { return backend_->fault(); }
  void abort() const noexcept { backend_->abort(); }
  bool can_be_recorded() const { return backend_->can_be_recorded(); }
  TransferClock& clock() const { return *clock_; }

  /// Point-to-point transfers, as Exchange::start promises them; of any size. All ranks start what
  /// they do with one another in the same order, on whichever communicators: NCCL's first operation
  /// between two ranks returns when both have started it.
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
  Pending timed(Stream& stream, Pending work, std::size_t bytes_sent, const char* operation);

  const char* name_;
  std::int64_t operations_ = 0;  // started so far; ranks that differ do not match each other
  std::shared_ptr<TransferClock> clock_;
  std::unique_ptr<Backend> backend_;
  int rank_;
  int size_;
};

}  // namespace bam
