#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "io/checkpoint_peers.h"
#include "io/open_file.h"

namespace bam {

inline constexpr const char* kLockFile = ".lock";

/// A run folder's lock: one job at a time writes into it; or a lock of something in a folder, that
/// has a file of its own. It is a flock on that file, so it goes with the process however that
/// ends, and what a dead one left blocks nobody. The file says who holds it, for people.
class RunLock {
 public:
  enum class Mode { kAlone, kWithOthers };

  /// Takes the lock; makes the folder where there is none, and removes it again at the end where
  /// nothing has been put into it. Throws BadInput, naming the holder's host, process and job,
  /// where another process has the lock alone, or has it and `mode` is kAlone.
  explicit RunLock(const std::filesystem::path& folder, const std::string& file = kLockFile,
                   Mode mode = Mode::kAlone);
  RunLock(RunLock&&) noexcept = default;
  RunLock& operator=(RunLock&&) = delete;
  ~RunLock();

  /// False on a file system without locks: there nothing keeps two jobs apart.
  bool is_held() const { return is_held_; }

 private:
  bool made_folder_;
  Mode mode_;
  OpenFile file_;
  bool is_held_;
};

/// Takes it where nothing else would keep two apart: throws BadInput also on a file system without
/// locks.
RunLock lock_surely(const std::filesystem::path& folder, const std::string& file = kLockFile,
                    RunLock::Mode mode = RunLock::Mode::kAlone);

/// Collective: rank 0 takes the lock for all. Where it cannot, every rank throws what rank 0
/// throws. Nothing on the other ranks.
std::optional<RunLock> lock_run(CheckpointPeers& peers, const std::filesystem::path& folder);

}  // namespace bam
