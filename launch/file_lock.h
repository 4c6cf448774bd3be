#pragma once

#include <filesystem>

namespace bam {

/// Holds a file, and what it stands for, for as long as it lives; the system lets go of it whatever
/// happens to the process.
class FileLock {
 public:
  enum class Mode { kAlone, kWithOthers };

  /// Throws BadInput, naming the holder by host, process and Slurm job, where another holds it
  /// alone or `mode` would.
  FileLock(const std::filesystem::path& path, Mode mode);
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  int file_;
};

}  // namespace bam
