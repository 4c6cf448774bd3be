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

bool is_file(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

bool is_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  check_input(file.is_open() && !is_folder(path), path.string(),
              ": cannot be read: ", std::strerror(errno));
  std::ostringstream bytes;
  bytes << file.rdbuf();
  check_input(!file.bad(), path.string(), ": cannot be read to its end");
  return std::move(bytes).str();
}

void make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  check_input(!error, path.string(), ": cannot be made: ", error.message());
}

void check_folder_can_be_made(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::path nearest = std::filesystem::absolute(path).lexically_normal();
  while (!std::filesystem::exists(nearest, ignored) && nearest.has_relative_path()) {
    nearest = nearest.parent_path();
  }
  check_input(is_folder(nearest), path.string(), ": cannot be made: ", nearest.string(),
              " is not a folder");
  const bool is_open = ::access(nearest.c_str(), W_OK | X_OK) == 0;
  check_input(is_open, path.string(), ": cannot be made: ", nearest.string(), ": ",
              std::strerror(errno));
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::path partial = path;
  partial += ".partial";
  const int file = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  check_input(file >= 0, path.string(), ": cannot be written: ", std::strerror(errno));
  try {
    write_all(file, bytes, path);
    const bool is_synced = ::fsync(file) == 0;
    check_input(is_synced, path.string(), ": cannot be synced: ", std::strerror(errno));
  } catch (...) {
    ::close(file);
    ::unlink(partial.c_str());
    throw;
  }
  ::close(file);
  std::error_code error;
  std::filesystem::rename(partial, path, error);
  if (error) {
    ::unlink(partial.c_str());
    throw BadInput(message_of(path.string(), ": cannot be written: ", error.message()));
  }
}

}  // namespace bam
