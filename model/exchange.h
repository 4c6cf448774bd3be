#pragma once

#include <vector>

#include "runtime/pending.h"
#include "runtime/tensor.h"

namespace bam {

/// Rows that go to, or come from, one rank of the expert-parallel group.
struct Transfer {
  int peer = 0;
  Tensor rows;  // contiguous; no rows: nothing is sent, and both ends know it
};

/// How a mixture layer reaches the experts of other ranks. Dispatch, combine, gather and scatter are
/// groups of transfers, so this is all a backend (MPI, NCCL) has to bring.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual int ranks() const = 0;
  virtual int rank() const = 0;
  /// Whether transfers between tensors of a GPU can be part of a Recording.
  virtual bool can_be_recorded() const = 0;

  /// Starts a group of transfers. Every rank of the expert-parallel group starts the same groups in
  /// the same order (with empty lists where it has no part); within a group, transfers between two
  /// ranks match in order. Sends may be reused, and receives read, after the Pending's wait.
  [[nodiscard]] virtual Pending start(Stream& stream, std::vector<Transfer> sends,
                                      std::vector<Transfer> receives) = 0;
};

/// The exchange of one rank with itself: there is no peer, so every Pending is complete.
class LocalExchange final : public Exchange {
 public:
  int ranks() const override { return 1; }
  int rank() const override { return 0; }
  bool can_be_recorded() const override { return true; }
  Pending start(Stream& stream, std::vector<Transfer> sends,
                std::vector<Transfer> receives) override;
};

}  // namespace bam
