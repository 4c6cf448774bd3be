#include "io/open_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/check.h"

namespace bam {
namespace {

int flags_of(OpenFile::Mode mode) {
  switch (mode) {
    case OpenFile::Mode::kRead: return O_RDONLY;
    case OpenFile::Mode::kWrite: return O_WRONLY;
    case OpenFile::Mode::kWritePastCache: return O_WRONLY | O_DIRECT;
    case OpenFile::Mode::kCreate: return O_RDWR | O_CREAT;
  }
  return O_RDONLY;
}

}  // namespace

OpenFile::OpenFile(std::filesystem::path path, Mode mode)
    : path_(std::move(path)),
      file_(::open(path_.c_str(), flags_of(mode) | O_CLOEXEC, 0644)) {
  check_input(file_ >= 0, path_.string(), ": cannot be opened: ", std::strerror(errno));
}

OpenFile::OpenFile(OpenFile&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

OpenFile::~OpenFile() {
  if (file_ >= 0) {
    ::close(file_);
  }
}

std::int64_t OpenFile::size() const {
  struct stat status {};
  const bool is_known = ::fstat(file_, &status) == 0;
  check(is_known, path_.string(), ": has no size: ", std::strerror(errno));
  return status.st_size;
}

void OpenFile::sync() const {
  const bool is_synced = ::fsync(file_) == 0;
  check(is_synced, path_.string(), ": cannot be synced: ", std::strerror(errno));
}

void read_at(int file, const std::filesystem::path& path, std::int64_t offset,
             std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(file, bytes.data(), bytes.size(), offset);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    check_input(got >= 0, path.string(), ": cannot be read: ", std::strerror(errno));
    check_input(got > 0, path.string(), ": ends at byte ", offset, ", ", bytes.size(),
                " bytes too early");
    bytes = bytes.subspan(static_cast<std::size_t>(got));
    offset += got;
  }
}

void write_at(int file, const std::filesystem::path& path, std::int64_t offset,
              std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(file, bytes.data(), bytes.size(), offset);
    if (put < 0 && errno == EINTR) {
      continue;
    }
    check(put > 0, path.string(), ": cannot be written at byte ", offset, ": ",
          std::strerror(errno));
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    offset += put;
  }
}

void sync_folder(const std::filesystem::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  check(file >= 0, folder.string(), ": cannot be opened: ", std::strerror(errno));
  const int result = ::fsync(file);
  ::close(file);
  check(result == 0, folder.string(), ": cannot be synced: ", std::strerror(errno));
}

}  // namespace bam
