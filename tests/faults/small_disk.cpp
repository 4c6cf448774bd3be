#include "tests/faults/small_disk.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "runtime/check.h"

namespace bam {

namespace fs = std::filesystem;

SmallDisk::SmallDisk(fs::path folder, std::int64_t bytes) : folder_(std::move(folder)) {
  fs::create_directories(folder_);
  const std::string size = "size=" + std::to_string(bytes);
  is_there_ = ::mount("bam-small-disk", folder_.c_str(), "tmpfs", 0, size.c_str()) == 0;
}

SmallDisk::~SmallDisk() {
  if (is_there_) {
    ::umount2(folder_.c_str(), MNT_DETACH);
  }
}

// In steps, since others write at the same time.
void SmallDisk::fill() const {
  constexpr std::array<char, 65536> kBytes{};
  const int file = ::open(filling().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  check(file >= 0, filling().string(), ": cannot be made: ", std::strerror(errno));
  while (::write(file, kBytes.data(), kBytes.size()) > 0) {
  }
  ::close(file);
}

void SmallDisk::make_room() const { fs::remove(filling()); }

}  // namespace bam
