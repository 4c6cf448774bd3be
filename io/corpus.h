#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "io/token_data.h"

namespace bam {

/// One text and where it came from.
struct Document {
  std::string text;
  std::string source;          // "file" or "file:line"
  std::optional<Split> split;  // where the corpus itself says which side it belongs on
};

/// A file, or all files below a folder in the order of their names. Throws BadInput, naming it,
/// where the path does not exist or holds no files.
std::vector<std::filesystem::path> files_below(const std::filesystem::path& path);

/// Reads documents one by one, holding one at a time: from JSON Lines (`*.jsonl`: an object a line,
/// its `text` the document, its `split`, if any, "train" or "validation") or from plain text files,
/// a document each. Folders are read through, in the order of their names. Documents without text
/// are passed over.
class Corpus {
 public:
  /// The most bytes of a document, or of a line of JSON Lines.
  static constexpr std::int64_t kLargestDocument = std::int64_t{1} << 28;

  /// Throws BadInput, naming it, where a path does not exist or holds no files, or a file is
  /// compressed.
  explicit Corpus(const std::vector<std::filesystem::path>& paths);

  /// The next document; none at the end. Throws BadInput, naming file and line, where a text is
  /// not UTF-8, a line is not JSON or has no text, or a document is too large.
  std::optional<Document> next();
  /// Bytes of all files together.
  std::int64_t bytes() const { return bytes_; }

 private:
  std::optional<Document> next_line();
  std::optional<Document> whole_file();
  Document parse_line(const std::string& line) const;
  std::string where() const;

  std::vector<std::filesystem::path> files_;
  std::int64_t bytes_ = 0;
  std::size_t file_ = 0;  // being read, or to be read next
  std::ifstream lines_;   // open while a JSON Lines file is being read
  std::int64_t line_ = 0;
};

}  // namespace bam
