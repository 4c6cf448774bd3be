#include "io/corpus.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "io/compressed_file.h"
#include "io/text_file.h"
#include "io/utf8.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

bool is_json_lines(const fs::path& path) { return path.extension() == ".jsonl"; }

void check_utf8(const std::string& text, const std::string& file, std::int64_t first_line) {
  const std::size_t valid = valid_utf8_prefix(text);
  if (valid == text.size()) {
    return;
  }
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(valid);
  const std::int64_t line = first_line + std::count(text.begin(), end, '\n');
  throw BadInput(message_of(file, ":", line, ": not UTF-8: byte ",
                            static_cast<int>(static_cast<unsigned char>(text[valid])), " (decimal)"));
}

/// Reads up to and without the newline; false at the end of the file.
bool read_line(std::istream& in, std::string& line, const std::string& file, std::int64_t number) {
  line.clear();
  std::streambuf& bytes = *in.rdbuf();
  for (int c = bytes.sbumpc(); c != '\n'; c = bytes.sbumpc()) {
    if (c == std::char_traits<char>::eof()) {
      return !line.empty();
    }
    check_input(static_cast<std::int64_t>(line.size()) < Corpus::kLargestDocument, file, ":",
                number, ": a line of more than ", Corpus::kLargestDocument, " bytes");
    line += static_cast<char>(c);
  }
  return true;
}

std::optional<Split> split_of(const nlohmann::json& object, const std::string& where) {
  const auto field = object.find("split");
  if (field == object.end()) {
    return std::nullopt;
  }
  for (const Split split : {Split::kTrain, Split::kValidation}) {
    if (*field == name_of(split)) {
      return split;
    }
  }
  throw BadInput(where + ": split: expected \"train\" or \"validation\"");
}

}  // namespace

std::vector<fs::path> files_below(const fs::path& path) {
  if (is_file(path)) {
    return {path};
  }
  check_input(is_folder(path), path.string(), ": there is no such file or folder");
  std::vector<fs::path> files;
  try {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) {
        files.push_back(entry.path());
      }
    }
  } catch (const fs::filesystem_error& error) {
    throw BadInput(path.string() + ": cannot be read: " + error.what());
  }
  check_input(!files.empty(), path.string(), ": a folder without files");
  std::ranges::sort(files);
  return files;
}

Corpus::Corpus(const std::vector<fs::path>& paths) {
  for (const fs::path& path : paths) {
    const std::vector<fs::path> below = files_below(path);
    files_.insert(files_.end(), below.begin(), below.end());
  }
  for (const fs::path& file : files_) {
    check_not_compressed(file);
    bytes_ += static_cast<std::int64_t>(fs::file_size(file));
  }
}

std::string Corpus::where() const {
  return message_of(files_[file_].string(), ":", line_);
}

std::optional<Document> Corpus::next() {
  while (file_ < files_.size()) {
    std::optional<Document> document =
        is_json_lines(files_[file_]) ? next_line() : whole_file();
    if (document && !document->text.empty()) {
      return document;
    }
  }
  return std::nullopt;
}

std::optional<Document> Corpus::whole_file() {
  const fs::path& path = files_[file_++];
  const auto bytes = static_cast<std::int64_t>(fs::file_size(path));
  check_input(bytes <= kLargestDocument, path.string(), ": a document of ", bytes,
              " bytes; at most ", kLargestDocument, " are read");
  Document document{read_file(path), path.string(), std::nullopt};
  check_utf8(document.text, path.string(), 1);
  return document;
}

std::optional<Document> Corpus::next_line() {
  const std::string file = files_[file_].string();
  if (!lines_.is_open()) {
    lines_.open(file, std::ios::binary);
    check_input(lines_.is_open(), file, ": cannot be read");
    line_ = 0;
  }
  std::string line;
  if (!read_line(lines_, line, file, ++line_)) {
    lines_.close();
    ++file_;
    return std::nullopt;
  }
  if (line.find_first_not_of(" \t\r") == line.npos) {
    return std::nullopt;
  }
  check_utf8(line, file, line_);
  return parse_line(line);
}

Document Corpus::parse_line(const std::string& line) const {
  const nlohmann::json object = nlohmann::json::parse(line, nullptr, false);
  check_input(!object.is_discarded(), where(), ": not JSON");
  check_input(object.is_object(), where(), ": expected a JSON object");
  const auto text = object.find("text");
  check_input(text != object.end() && text->is_string(), where(),
              ": expected a string in the field text");
  return {text->get<std::string>(), where(), split_of(object, where())};
}

}  // namespace bam
