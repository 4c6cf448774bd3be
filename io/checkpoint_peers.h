#pragma once

#include <string>
#include <vector>

#include "parallel/communicator.h"

namespace bam {

/// The ranks that write one checkpoint together. Every call is collective.
class CheckpointPeers {
 public:
  virtual ~CheckpointPeers() = default;
  virtual int rank() const = 0;
  /// Rank 0's bytes, on every rank.
  virtual std::string broadcast(std::string bytes) = 0;
  /// Every rank's bytes in order, on every rank.
  virtual std::vector<std::string> gather(std::string bytes) = 0;
};

/// The ranks of a communicator; stream and communicator outlive it.
class CommunicatorPeers final : public CheckpointPeers {
 public:
  CommunicatorPeers(Stream& stream, Communicator& ranks) : stream_(stream), ranks_(ranks) {}

  int rank() const override { return ranks_.rank(); }
  std::string broadcast(std::string bytes) override;
  std::vector<std::string> gather(std::string bytes) override;

 private:
  std::vector<std::size_t> gather_sizes(std::size_t own);

  Stream& stream_;
  Communicator& ranks_;
};

}  // namespace bam
