#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/blank_data_file.h"
#include "io/checkpoint_peers.h"
#include "io/checkpoint_snapshot.h"
#include "runtime/check.h"

namespace bam {

/// What all checkpoints of a run have in common.
struct CheckpointPlan {
  std::filesystem::path folder;  // of the run
  std::vector<ParameterSpec> specs;
  IsStored is_stored;
  Retention retention;
};

/// No checkpoint can be written at all: a disk without room for one. Thrown on every rank.
class CannotSave : public Error {
 public:
  using Error::Error;
};

/// Weights, and the moments of those that the config trains.
IsStored stored_states(const proto::RunConfig& config);

/// How one save went: the same on every rank, but for the times.
struct SaveReport {
  std::int64_t step = 0;
  std::string failure;         // rank and cause of each rank that failed; empty: it stands
  double blocked_seconds = 0;  // that this rank waited
  double tiles_seconds = 0;    // from the copy's start until this rank's tiles were on disk
  double write_seconds = 0;    // until the checkpoint stood and all knew it
  std::int64_t bytes = 0;      // of all tensors
};

/// Writes a run's checkpoints while training goes on: one at most is on its way. A save copies this
/// rank's tiles and lets a thread write them; that thread knows neither MPI nor HDF5. What ranks
/// must agree on they agree on in save(), advance() and finish(), which all ranks call, at the same
/// steps.
///
///   each rank   copy | write own tiles, hash, sync |
///   rank 0                                         | manifest, sync, rename, `latest`, prune |
///   advance()   0    ----------------------------> 1 -------------------------------------> 2
///
/// A checkpoint exists only when it is whole. Where a rank fails all learn of it, from the report,
/// and what stood before still stands.
class CheckpointWriter {
 public:
  /// Collective. `staging`: where the memory for copies comes from; none: save() does not return
  /// before its checkpoint stands, and no tile may be on a GPU. Removes what dead processes left half-written in the folder.
  /// Throws CannotSave where the disk has no room for a checkpoint. Every tile of the model is
  /// owned by one rank; peers, stream and tiles outlive this.
  CheckpointWriter(CheckpointPeers& peers, CheckpointPlan plan, std::span<const OwnedTile> tiles,
                   Stream* staging);
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;
  /// Gives up what is on its way.
  ~CheckpointWriter();

  /// Collective: starts to write step info.step, once the save before is over. A disk without room
  /// for it is a failed save.
  void save(CheckpointInfo info);
  /// Whether this rank has done its part of what is on its way. When all have, they call advance().
  bool is_ready() const;
  /// Collective: moves the save that is on its way on.
  void advance();
  /// Collective: returns when nothing is on its way.
  void finish();

  /// The saves that were over since the last call, in order.
  std::vector<SaveReport> take_reports();
  /// Bytes of memory for copies on this rank.
  std::int64_t staging_bytes() const { return snapshot_->staging_bytes(); }

 private:
  enum class Phase { kIdle, kTiles, kCommit };
  using Clock = std::chrono::steady_clock;

  bool is_leader() const { return peers_.rank() == 0; }
  template <class Work>
  void start(Phase phase, Work work);
  std::string start_tiles();
  std::optional<std::string> next_phase();
  void start_commit(std::vector<std::string> hashes);
  void end_save(std::string failure);

  CheckpointPeers& peers_;
  CheckpointPlan plan_;
  proto::Manifest layout_;
  std::optional<BlankDataFile> blank_;  // rank 0
  std::optional<CheckpointSnapshot> snapshot_;
  bool is_in_background_;

  Phase phase_ = Phase::kIdle;
  CheckpointInfo info_;  // of the save on its way
  SaveReport report_;    // likewise
  Clock::time_point save_start_;
  std::vector<SaveReport> reports_;
  std::atomic<bool> is_given_up_ = false;
  std::future<std::string> work_;  // 'h' and hashes, or 'f' and what failed; last: it ends first
};

/// Collective: writes one checkpoint, as a CheckpointWriter does that is not in the background.
/// Throws Error on every rank where one fails.
void write_checkpoint(CheckpointPeers& peers, const std::filesystem::path& folder,
                      const CheckpointInfo& info, const std::vector<ParameterSpec>& specs,
                      std::span<const OwnedTile> tiles, const Retention& retention);

}  // namespace bam
