#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace bam {

/// A file's bytes, mapped read-only.
class MappedFile {
 public:
  /// Throws BadInput, naming the file, where it cannot be mapped.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const std::byte* data() const { return data_; }
  std::int64_t size() const { return size_; }

 private:
  const std::byte* data_ = nullptr;
  std::int64_t size_ = 0;
};

}  // namespace bam
