#include "io/uncached_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/check.h"

namespace bam {
namespace {

std::optional<OpenFile> opened_directly(const std::filesystem::path& path) {
  try {
    return OpenFile(path, OpenFile::Mode::kWritePastCache);
  } catch (const BadInput&) {
    return std::nullopt;
  }
}

/// Bytes from `at` to the next block, at most `most`.
std::int64_t to_next_block(std::int64_t at, std::int64_t most) {
  const std::int64_t past = at % UncachedFile::kBlock;
  return std::min(past == 0 ? 0 : UncachedFile::kBlock - past, most);
}

}  // namespace

UncachedFile::UncachedFile(const std::filesystem::path& path)
    : cached_(path, OpenFile::Mode::kCreate), direct_(opened_directly(path)) {}

void UncachedFile::write(std::int64_t offset, std::span<const std::byte> bytes) {
  const auto address = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(bytes.data()));
  if (address % kBlock != offset % kBlock) {
    write_at(cached_.descriptor(), cached_.path(), offset, bytes);
    return;
  }
  const std::int64_t head = to_next_block(offset, std::ssize(bytes));
  const std::int64_t whole = (std::ssize(bytes) - head) / kBlock * kBlock;
  const auto after_head = bytes.subspan(static_cast<std::size_t>(head));
  const auto written = static_cast<std::size_t>(
      write_blocks(offset + head, after_head.first(static_cast<std::size_t>(whole))));
  write_at(cached_.descriptor(), cached_.path(), offset,
           bytes.first(static_cast<std::size_t>(head)));
  write_at(cached_.descriptor(), cached_.path(), offset + head + static_cast<std::int64_t>(written),
           after_head.subspan(written));
}

// A file system may open a file so and refuse (EINVAL) to write it: then all goes through the
// cache.
std::int64_t UncachedFile::write_blocks(std::int64_t offset, std::span<const std::byte> blocks) {
  std::int64_t written = 0;
  while (direct_ && written < std::ssize(blocks)) {
    const auto rest = blocks.subspan(static_cast<std::size_t>(written));
    const ssize_t put = ::pwrite(direct_->descriptor(), rest.data(), rest.size(), offset + written);
    if (put > 0) {
      written += put;
    } else if (errno == EINVAL) {
      direct_.reset();
    } else {
      check(errno == EINTR, cached_.path().string(), ": cannot be written at byte ",
            offset + written, ": ", std::strerror(errno));
    }
  }
  return written;
}

}  // namespace bam
