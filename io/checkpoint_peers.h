#pragma once

#include <string>
#include <vector>

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

/// A process on its own.
class NoPeers final : public CheckpointPeers {
 public:
  int rank() const override { return 0; }
  std::string broadcast(std::string bytes) override { return bytes; }
  std::vector<std::string> gather(std::string bytes) override { return {std::move(bytes)}; }
};

}  // namespace bam
