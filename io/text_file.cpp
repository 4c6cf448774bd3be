#include "io/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "runtime/check.h"

namespace bam {
namespace {

void write_all(int file, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    check_input(written > 0, path.string(), ": cannot be written: ", std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  check_input(file.is_open() && !std::filesystem::is_directory(path), path.string(),
              ": cannot be read: ", std::strerror(errno));
  std::ostringstream bytes;
  bytes << file.rdbuf();
  check_input(!file.bad(), path.string(), ": cannot be read to its end");
  return std::move(bytes).str();
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::path partial = path;
  partial += ".partial";
  const int file = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  check_input(file >= 0, path.string(), ": cannot be written: ", std::strerror(errno));
  try {
    write_all(file, bytes, path);
    check_input(::fsync(file) == 0, path.string(), ": cannot be synced: ", std::strerror(errno));
  } catch (...) {
    ::close(file);
    ::unlink(partial.c_str());
    throw;
  }
  ::close(file);
  std::filesystem::rename(partial, path);
}

}  // namespace bam
