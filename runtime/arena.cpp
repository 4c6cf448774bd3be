#include "runtime/arena.h"

#include <algorithm>
#include <iterator>

#include "runtime/check.h"

namespace bam {
namespace {

std::size_t rounded_up(std::size_t bytes, std::size_t unit) {
  return (std::max(bytes, std::size_t{1}) + unit - 1) / unit * unit;
}

}  // namespace

Arena::Arena(Allocate allocate, Release release, Pieces pieces)
    : allocate_(std::move(allocate)), release_(std::move(release)), pieces_(pieces) {}

Arena::~Arena() {
  for (const auto& [address, block] : blocks_) {
    if (block.begins_piece) {
      release_(address);
    }
  }
}

void* Arena::take(std::size_t bytes) {
  const std::size_t size = rounded_up(bytes, kAlignment);
  auto fitting = free_.lower_bound({size, nullptr});
  if (fitting == free_.end()) {
    if (!grow(size)) {
      return nullptr;
    }
    fitting = free_.lower_bound({size, nullptr});
  }
  const auto block = blocks_.find(fitting->second);
  no_longer_free(block);
  cut(block, size);
  taken_ += block->second.size;
  return block->first;
}

void Arena::give(void* address) {
  auto block = blocks_.find(static_cast<std::byte*>(address));
  check(block != blocks_.end() && !block->second.is_free, "memory given back that was not taken");
  taken_ -= block->second.size;
  const auto next = std::next(block);
  if (next != blocks_.end() && next->second.is_free && !next->second.begins_piece) {
    no_longer_free(next);
    block->second.size += next->second.size;
    blocks_.erase(next);
  }
  if (block != blocks_.begin() && !block->second.begins_piece && std::prev(block)->second.is_free) {
    const auto before = std::prev(block);
    no_longer_free(before);
    before->second.size += block->second.size;
    blocks_.erase(block);
    block = before;
  }
  set_free(block);
}

// Pieces double what is held, so that there are few; near the end of the device's memory they are
// what is needed, and free ones are exchanged for one that is large enough.
bool Arena::grow(std::size_t bytes) {
  const std::size_t needed = rounded_up(bytes, kLeastPiece);
  const std::size_t ahead = rounded_up(std::min(held_, kMostAhead), kLeastPiece);
  if (add_piece(std::max(needed, ahead)) || add_piece(needed)) {
    return true;
  }
  trim();
  return add_piece(needed);
}

bool Arena::add_piece(std::size_t bytes) {
  auto* address = static_cast<std::byte*>(allocate_(bytes));
  if (address == nullptr) {
    return false;
  }
  held_ += bytes;
  set_free(blocks_.insert({address, {.size = bytes, .begins_piece = true}}).first);
  return true;
}

void Arena::trim() {
  if (pieces_ == Pieces::kStay) {
    return;
  }
  for (auto block = blocks_.begin(); block != blocks_.end();) {
    const auto next = std::next(block);
    if (is_whole_piece(block)) {
      no_longer_free(block);
      held_ -= block->second.size;
      release_(block->first);
      blocks_.erase(block);
    }
    block = next;
  }
}

bool Arena::is_whole_piece(Blocks::const_iterator block) const {
  const auto next = std::next(block);
  return block->second.is_free && block->second.begins_piece &&
         (next == blocks_.end() || next->second.begins_piece);
}

// What is left of a block beyond its first `bytes` is free.
void Arena::cut(Blocks::iterator block, std::size_t bytes) {
  if (block->second.size == bytes) {
    return;
  }
  const auto rest = blocks_.insert({block->first + bytes, {.size = block->second.size - bytes}});
  block->second.size = bytes;
  set_free(rest.first);
}

void Arena::set_free(Blocks::iterator block) {
  block->second.is_free = true;
  free_.insert({block->second.size, block->first});
}

void Arena::no_longer_free(Blocks::iterator block) {
  block->second.is_free = false;
  free_.erase({block->second.size, block->first});
}

}  // namespace bam
