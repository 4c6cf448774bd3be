#pragma once

#include <memory>

#include "parallel/communicator.h"

namespace bam {

/// kOff: the same transfers in the same order, each waited for at once.
enum class Overlap { kOn, kOff };

/// The exchange among the ranks of an expert-parallel group, by MPI.
class MpiExchange final : public Exchange {
 public:
  /// `group` outlives it.
  MpiExchange(Communicator& group, Overlap overlap);
  ~MpiExchange() override;

  int ranks() const override { return group_.size(); }
  int rank() const override { return group_.rank(); }
  Pending start(Stream& stream, std::vector<Transfer> sends,
                std::vector<Transfer> receives) override;

  /// Moves on whatever is in flight; MPI does so only inside its calls, so compute calls this.
  void progress();

  /// Since the last reset: bytes this rank sent, seconds in which at least one group of transfers
  /// was in flight, and those of them spent waiting.
  std::size_t bytes_sent() const { return bytes_sent_; }
  double comm_seconds() const;
  double exposed_seconds() const;
  /// The part of comm_seconds that compute covered; 1 without communication.
  double hidden_share() const;
  void reset();

  struct Clock;  // shared with what is in flight

 private:
  Communicator& group_;
  Overlap overlap_;
  std::size_t bytes_sent_ = 0;
  std::shared_ptr<Clock> clock_;
};

}  // namespace bam
