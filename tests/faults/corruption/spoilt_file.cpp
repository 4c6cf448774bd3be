#include "tests/faults/corruption/spoilt_file.h"

#include <fstream>
#include <utility>

#include "io/open_file.h"
#include "io/text_file.h"

namespace bam {

namespace fs = std::filesystem;

SpoiltFile::SpoiltFile(fs::path path) : path_(std::move(path)), whole_(read_file(path_)) {}

void SpoiltFile::patch(std::int64_t offset, std::string_view bytes) const {
  const OpenFile file(path_, OpenFile::Mode::kWrite);
  write_at(file.descriptor(), path_, offset, std::as_bytes(std::span(bytes)));
}

void SpoiltFile::write(std::string_view bytes) const {
  std::ofstream file(path_, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), std::ssize(bytes));
}

void SpoiltFile::cut(std::int64_t bytes) const {
  fs::resize_file(path_, static_cast<std::uintmax_t>(bytes));
}

void SpoiltFile::append(std::string_view bytes) const {
  std::ofstream file(path_, std::ios::binary | std::ios::app);
  file.write(bytes.data(), std::ssize(bytes));
}

void SpoiltFile::restore() const {
  if (fs::symlink_status(path_).type() != fs::file_type::regular) {
    fs::remove_all(path_);
  }
  write(whole_);
}

}  // namespace bam
