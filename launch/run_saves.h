#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "io/checkpoint_writer.h"
#include "io/run_config.h"
#include "parallel/trainer.h"

namespace bam {

/// A run's checkpoints: when one is due, the one on its way, the newest that stands. What ranks do
/// here they do together, at the same steps.
class RunSaves {
 public:
  /// What each save came to, once it is over, and the bytes of memory for copies on this rank.
  using Tell = std::function<void(const SaveReport&, std::int64_t staging_bytes)>;

  /// Of the run in `folder`, `text` being `config` with every default written out. All that is
  /// given outlives it.
  RunSaves(Stream& stream, Communicator& world, const RunConfig& config,
           const proto::RunConfig& text, const std::filesystem::path& folder, Tell tell);
  RunSaves(const RunSaves&) = delete;  // the writer refers to peers_
  RunSaves& operator=(const RunSaves&) = delete;

  /// Collective: makes ready to save the trainer's tiles as they lie now. Whether the disk has room
  /// for them; rank 0 says where it has not.
  bool open(Trainer& trainer);
  /// Whether it is open: not before open(), and not once the tiles are to lie elsewhere, after
  /// close().
  bool is_open() const { return writer_.has_value(); }
  void close() { writer_.reset(); }

  /// Whether a checkpoint is to be written after that step.
  bool is_due(std::int64_t step) const;
  /// Collective: starts to write a checkpoint, and waits for it where that is not done in the
  /// background.
  void save(CheckpointInfo info);
  /// Collective: writes one and waits until that is over.
  void save_now(CheckpointInfo info);
  /// Whether this rank has done its part of what is on its way; when all have, they call advance().
  bool is_ready() const { return writer_->is_ready(); }
  void advance();
  /// Collective: returns when nothing is on its way.
  void finish();

  /// Step of the newest checkpoint that stands; -1: none does.
  std::int64_t newest() const { return newest_; }
  void set_newest(std::int64_t step) { newest_ = step; }

 private:
  bool is_in_background() const;
  void tell_of_ends();

  Stream& stream_;
  int rank_;
  const CheckpointConfig& config_;
  const proto::RunConfig& text_;
  const std::filesystem::path& folder_;
  Tell tell_;
  CommunicatorPeers peers_;
  std::optional<CheckpointWriter> writer_;  // of the trainer's tiles
  std::int64_t newest_ = -1;
};

}  // namespace bam
