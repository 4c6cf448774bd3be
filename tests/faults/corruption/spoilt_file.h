#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace bam {

/// A file that is spoilt in place and made whole again, many times.
class SpoiltFile {
 public:
  explicit SpoiltFile(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  /// Its bytes when it was whole.
  const std::string& whole() const { return whole_; }
  std::int64_t size() const { return std::ssize(whole_); }

  /// Puts bytes in place of those that are there.
  void patch(std::int64_t offset, std::string_view bytes) const;
  /// Puts a whole file in its place.
  void write(std::string_view bytes) const;
  void cut(std::int64_t bytes) const;
  void append(std::string_view bytes) const;
  /// Whole again, whatever was done to it: removed, a link, a folder.
  void restore() const;

 private:
  std::filesystem::path path_;
  std::string whole_;
};

}  // namespace bam
