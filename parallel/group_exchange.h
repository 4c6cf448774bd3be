#pragma once

#include "parallel/communicator.h"

namespace bam {

/// kOff: the same transfers in the same order, each waited for at once.
enum class Overlap { kOn, kOff };

/// The exchange among the ranks of an expert-parallel group.
class GroupExchange final : public Exchange {
 public:
  /// `group` outlives it.
  GroupExchange(Communicator& group, Overlap overlap) : group_(group), overlap_(overlap) {}

  int ranks() const override { return group_.size(); }
  int rank() const override { return group_.rank(); }
  bool can_be_recorded() const override { return ranks() == 1 || group_.can_be_recorded(); }
  Pending start(Stream& stream, std::vector<Transfer> sends,
                std::vector<Transfer> receives) override;

  /// By this rank, since it was made.
  std::size_t bytes_sent() const { return bytes_sent_; }

 private:
  Communicator& group_;
  Overlap overlap_;
  std::size_t bytes_sent_ = 0;
};

}  // namespace bam
