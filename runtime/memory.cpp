#include "runtime/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <exception>

#include "runtime/check.h"
#include "runtime/cuda/device.h"

namespace bam {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Rounds up to four significant bits: at most 1/8 is wasted, and tensors whose row counts differ a
// little from step to step share their blocks.
std::size_t rounded(std::size_t bytes) {
  const std::size_t least = std::max(bytes, kAlignment);
  const int shift = std::max(0, static_cast<int>(std::bit_width(least)) - 4);
  const std::size_t unit = std::max(std::size_t{1} << shift, kAlignment);
  return (least + unit - 1) / unit * unit;
}

void* allocate_host(std::size_t size) {
  const bool large = size >= kHugePage;
  void* block = std::aligned_alloc(large ? kHugePage : kAlignment,
                                   large ? (size + kHugePage - 1) / kHugePage * kHugePage : size);
  if (large && block != nullptr) {
    madvise(block, size, MADV_HUGEPAGE);  // fewer page faults; a refusal costs only speed
  }
  return block;
}

}  // namespace

Memory::Memory(DeviceKind device, Arena::Pieces pieces) : device_(device) {
  if (device == DeviceKind::kCuda) {
    arena_ = std::make_unique<Arena>(cuda::allocate, cuda::release, pieces);
  }
}

// A GPU's memory is let go only when all work on it is over, which it may never be while an
// exception is under way (see Pending).
Memory::~Memory() {
  const bool waits = arena_ != nullptr || pages_ == Pages::kPinned;
  if (waits && std::uncaught_exceptions() > 0) {
    static_cast<void>(arena_.release());
    return;
  }
  release_free();
}

void* Memory::take(std::size_t bytes) {
  const std::scoped_lock lock(mutex_);
  void* block = arena_ ? arena_->take(bytes) : take_host(bytes);
  check(block != nullptr, "out of ", name_of(device_), " memory: asked for ", bytes, " bytes with ",
        in_use_, " in use of ", arena_ ? arena_->held() : held_, " held");
  in_use_ += bytes;
  peak_ = std::max(peak_, in_use_);
  return block;
}

void* Memory::take_host(std::size_t bytes) {
  const std::size_t size = rounded(bytes);
  if (auto found = free_.find(size); found != free_.end() && !found->second.empty()) {
    void* block = found->second.back();
    found->second.pop_back();
    return block;
  }
  void* block = allocate(size);
  held_ += block == nullptr ? 0 : size;
  return block;
}

void* Memory::allocate(std::size_t size) {
  return pages_ == Pages::kPinned ? cuda::allocate_pinned(size) : allocate_host(size);
}

void Memory::release_free() {
  for (auto& [size, blocks] : free_) {
    for (void* block : blocks) {
      pages_ == Pages::kPinned ? cuda::release_pinned(block) : std::free(block);
    }
  }
}

void Memory::give(void* block, std::size_t bytes) {
  const std::scoped_lock lock(mutex_);
  in_use_ -= bytes;
  if (arena_) {
    arena_->give(block);
  } else {
    free_[rounded(bytes)].push_back(block);
  }
}

std::size_t Memory::in_use() const {
  const std::scoped_lock lock(mutex_);
  return in_use_;
}

std::size_t Memory::peak() const {
  const std::scoped_lock lock(mutex_);
  return peak_;
}

std::size_t Memory::held() const {
  const std::scoped_lock lock(mutex_);
  return arena_ ? arena_->held() : held_;
}

void Memory::trim() {
  const std::scoped_lock lock(mutex_);
  if (arena_) {
    arena_->trim();
  }
}

void Memory::reset_peak() {
  const std::scoped_lock lock(mutex_);
  peak_ = in_use_;
}

}  // namespace bam
