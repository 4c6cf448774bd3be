#pragma once

#include <filesystem>

namespace bam {

/// A folder that appears whole or not at all: its files are written under a temporary name beside
/// it, which is removed unless commit() gives it its own.
class OutputFolder {
 public:
  /// Throws BadInput where `path` exists already, and is not an empty folder, or cannot be made;
  /// Error where the disk has fewer than `bytes` free.
  OutputFolder(const std::filesystem::path& path, std::int64_t bytes);
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;
  ~OutputFolder();

  /// Where to write until it is committed.
  const std::filesystem::path& draft() const { return draft_; }
  /// Makes what was written last and gives it its name; the files are synced already.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path draft_;
};

}  // namespace bam
