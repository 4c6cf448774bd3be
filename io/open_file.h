#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace bam {

/// An open file, closed at the end of the scope.
class OpenFile {
 public:
  enum class Mode { kRead, kWrite, kWritePastCache, kCreate };
  /// BadInput, naming it, where it cannot be opened. Under kCreate, for reading and writing, it need
  /// not exist. Not every file system can write past its cache.
  OpenFile(std::filesystem::path path, Mode mode);
  OpenFile(OpenFile&& other) noexcept;
  OpenFile& operator=(OpenFile&&) = delete;
  ~OpenFile();

  int descriptor() const { return file_; }
  const std::filesystem::path& path() const { return path_; }
  std::int64_t size() const;  // bytes
  /// Makes what was written last; throws Error.
  void sync() const;

 private:
  std::filesystem::path path_;
  int file_;
};

/// Reads exactly bytes.size() bytes at `offset`; throws BadInput where the file ends before.
void read_at(int file, const std::filesystem::path& path, std::int64_t offset,
             std::span<std::byte> bytes);
/// Writes all bytes at `offset`; throws Error (disk full and the like).
void write_at(int file, const std::filesystem::path& path, std::int64_t offset,
              std::span<const std::byte> bytes);

/// Makes a folder's entries last (after a rename); throws Error.
void sync_folder(const std::filesystem::path& folder);

}  // namespace bam
