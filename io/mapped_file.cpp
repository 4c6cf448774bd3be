#include "io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/check.h"

namespace bam {

MappedFile::MappedFile(const std::filesystem::path& path) {
  // Without waiting for the other end of a pipe, which is then refused.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  check_input(file >= 0, path.string(), ": cannot be read: ", std::strerror(errno));
  struct stat status {};
  const bool known = ::fstat(file, &status) == 0 && status.st_size > 0;
  void* bytes = known ? ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ,
                               MAP_SHARED, file, 0)
                      : MAP_FAILED;
  ::close(file);
  check_input(bytes != MAP_FAILED, path.string(), ": cannot be mapped (empty?)");
  data_ = static_cast<const std::byte*>(bytes);
  size_ = status.st_size;
}

MappedFile::~MappedFile() {
  ::munmap(const_cast<std::byte*>(data_), static_cast<std::size_t>(size_));
}

}  // namespace bam
