#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace bam {

/// A file system of its own and of few bytes, in memory, for as long as the object lives. Needs
/// root.
class SmallDisk {
 public:
  SmallDisk(std::filesystem::path folder, std::int64_t bytes);
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk();

  /// False where it cannot be mounted.
  bool is_there() const { return is_there_; }
  const std::filesystem::path& path() const { return folder_; }

  /// Takes every byte that is free, and throws Error where it cannot; and gives them back.
  void fill() const;
  void make_room() const;

 private:
  std::filesystem::path filling() const { return folder_ / "filling"; }

  std::filesystem::path folder_;
  bool is_there_;
};

}  // namespace bam
