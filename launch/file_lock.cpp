#include "launch/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "io/text_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC;

std::string this_process() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  std::string text = "process " + std::to_string(getpid()) + " on " + host.data();
  if (const char* job = std::getenv("SLURM_JOB_ID")) {
    text += std::string(", Slurm job ") + job;
  }
  return text;
}

}  // namespace

FileLock::FileLock(const std::filesystem::path& path, Mode mode)
    : file_(open(path.c_str(), kFlags, 0666)) {
  check_input(file_ >= 0, path.string(), ": cannot be written: ", std::strerror(errno));
  if (flock(file_, (mode == Mode::kAlone ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
    const int reason = errno;
    close(file_);
    check_input(reason == EWOULDBLOCK, path.string(),
                ": cannot be locked: ", std::strerror(reason));
    throw BadInput(message_of(path.parent_path().string(), ": ", read_file(path),
                              " is at work in it (", path.filename().string(), ")"));
  }
  const std::string owner = this_process();
  check(ftruncate(file_, 0) == 0 && pwrite(file_, owner.data(), owner.size(), 0) > 0, path.string(),
        ": cannot be written: ", std::strerror(errno));
}

FileLock::~FileLock() { close(file_); }

}  // namespace bam
