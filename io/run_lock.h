#pragma once

#include <filesystem>
#include <optional>

#include "io/checkpoint_peers.h"
#include "io/open_file.h"

namespace bam {

/// A run folder's lock: one job at a time writes into it. It is a flock on the file `.lock`, so it
/// goes with the process however that ends, and what a dead one left blocks nobody. The file says
/// who holds it, for people.
class RunLock {
 public:
  /// Takes the lock; makes the folder where there is none, and removes it again at the end where
  /// nothing has been put into it. Throws BadInput, naming the holder's host, process and job,
  /// where another process has the lock.
  explicit RunLock(const std::filesystem::path& folder);
  RunLock(RunLock&&) noexcept = default;
  RunLock& operator=(RunLock&&) = delete;
  ~RunLock();

  /// False on a file system without locks: there nothing keeps two jobs apart.
  bool is_held() const { return is_held_; }

 private:
  bool made_folder_;
  OpenFile file_;
  bool is_held_;
};

inline constexpr const char* kLockFile = ".lock";

/// Collective: rank 0 takes the lock for all. Where it cannot, every rank throws what rank 0
/// throws. Nothing on the other ranks.
std::optional<RunLock> lock_run(CheckpointPeers& peers, const std::filesystem::path& folder);

}  // namespace bam
