#include "io/chunk_hashes.h"

#include <algorithm>
#include <utility>

#include "runtime/check.h"

namespace bam {

void ChunkHasher::update(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::int64_t taken = std::min(std::ssize(bytes), chunk_bytes_ - filled_);
    open_.update(bytes.first(static_cast<std::size_t>(taken)));
    bytes = bytes.subspan(static_cast<std::size_t>(taken));
    filled_ += taken;
    if (filled_ == chunk_bytes_) {
      closed_.push_back(std::exchange(open_, ContentHash()).digest());
      filled_ = 0;
    }
  }
}

std::vector<Hash128> ChunkHasher::digests() const {
  std::vector<Hash128> all = closed_;
  if (filled_ > 0) {
    all.push_back(open_.digest());
  }
  return all;
}

CheckedBytes::CheckedBytes(std::span<const std::byte> bytes, std::int64_t chunk_bytes,
                           std::vector<Hash128> hashes, std::string what)
    : bytes_(bytes),
      chunk_bytes_(chunk_bytes),
      hashes_(std::move(hashes)),
      what_(std::move(what)),
      is_checked_(new std::atomic<bool>[hashes_.size()] {}) {
  const std::int64_t chunks = (std::ssize(bytes_) + chunk_bytes_ - 1) / chunk_bytes_;
  check_input(std::ssize(hashes_) == chunks, what_, ": hashes of ", hashes_.size(),
              " chunks where ", chunks, " were expected");
}

std::span<const std::byte> CheckedBytes::at(std::int64_t begin, std::int64_t end) const {
  for (std::int64_t chunk = begin / chunk_bytes_; chunk * chunk_bytes_ < end; ++chunk) {
    if (!is_checked_[static_cast<std::size_t>(chunk)].load(std::memory_order_relaxed)) {
      check_chunk(chunk);
    }
  }
  return bytes_.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

void CheckedBytes::check_chunk(std::int64_t chunk) const {
  const std::int64_t begin = chunk * chunk_bytes_;
  const std::int64_t count = std::min(chunk_bytes_, std::ssize(bytes_) - begin);
  const Hash128 found =
      hash_of(bytes_.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)));
  const Hash128& expected = hashes_[static_cast<std::size_t>(chunk)];
  check_input(found == expected, what_, ": damaged: expected hash ", hex_of(expected),
              " of its bytes from ", begin, " to ", begin + count, ", found ", hex_of(found));
  is_checked_[static_cast<std::size_t>(chunk)].store(true, std::memory_order_relaxed);
}

}  // namespace bam
