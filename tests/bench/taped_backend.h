#pragma once

#include <memory>
#include <vector>

#include "parallel/communicator.h"

namespace bam::bench {

/// What the tape does with the operations of a step.
enum class TapeMode {
  kPass,    // nothing: they are carried out
  kRecord,  // they are carried out, and what arrived is kept
  kReplay,  // nothing is sent: what arrived when it was recorded arrives again, at once
};

/// One group of transfers as it was recorded.
struct TapedTransfer {
  struct Message {
    int peer;
    std::size_t bytes;
  };
  std::vector<Message> sends;
  std::vector<Message> receives;
  std::vector<std::byte> arrived;  // all received bytes, one message after the other
};

/// A step's operations on all communicators of a job.
class Tape {
 public:
  /// All communicators start from the beginning; recording forgets what was there.
  void rewind(TapeMode mode);

  /// Point-to-point transfers in the order in which they were started, over all communicators.
  std::vector<const TapedTransfer*> transfers() const;

 private:
  friend class TapedBackend;
  struct Track {  // of one communicator
    std::vector<std::unique_ptr<TapedTransfer>> transfers;
    std::vector<std::vector<std::byte>> gathered;  // all_gather and broadcast
    std::size_t next_transfer = 0;
    std::size_t next_gathered = 0;
  };

  TapeMode mode_ = TapeMode::kPass;
  std::vector<std::shared_ptr<Track>> tracks_;
  std::vector<const TapedTransfer*> order_;
};

/// `inner` with a tape between: a step can be computed without any exchange, on the bytes of an
/// earlier one. Steps must be alike: same weights, same batch.
Communicator taped(std::unique_ptr<Communicator::Backend> inner, std::shared_ptr<Tape> tape);

}  // namespace bam::bench
