#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <utility>

namespace bam {

/// Large pieces of a device's memory, cut up into blocks of whatever size: a piece is asked for
/// when no free block is large enough, and free neighbours join again. Nothing waits for the
/// device, but for pieces that go back to it: a block given back is handed out again at once, for
/// work put on the same stream later.
class Arena {
 public:
  /// Where pieces come from (null: there is no more) and go to.
  using Allocate = std::function<void*(std::size_t bytes)>;
  using Release = std::function<void(void* piece)>;

  /// Whether pieces in which nothing is taken may go back before the end.
  enum class Pieces : std::uint8_t { kMayGo, kStay };

  static constexpr std::size_t kAlignment = 256;
  static constexpr std::size_t kLeastPiece = std::size_t{2} << 20;
  static constexpr std::size_t kMostAhead = std::size_t{1} << 30;

  Arena(Allocate allocate, Release release, Pieces pieces = Pieces::kMayGo);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// At least `bytes` bytes, aligned to 256; null where there is no more.
  void* take(std::size_t bytes);
  /// Gives back what take returned.
  void give(void* block);

  /// Lets go of pieces in which nothing is taken, if they may go.
  void trim();

  /// Bytes in pieces, and bytes of them in blocks that are taken.
  std::size_t held() const { return held_; }
  std::size_t taken() const { return taken_; }

 private:
  struct Block {
    std::size_t size = 0;
    bool is_free = false;
    bool begins_piece = false;
  };
  using Blocks = std::map<std::byte*, Block>;  // by address: neighbours follow each other

  bool grow(std::size_t bytes);
  bool add_piece(std::size_t bytes);
  void cut(Blocks::iterator block, std::size_t bytes);
  void set_free(Blocks::iterator block);
  void no_longer_free(Blocks::iterator block);
  bool is_whole_piece(Blocks::const_iterator block) const;

  Allocate allocate_;
  Release release_;
  Pieces pieces_;
  Blocks blocks_;
  std::set<std::pair<std::size_t, std::byte*>> free_;  // by size, then address
  std::size_t held_ = 0;
  std::size_t taken_ = 0;
};

}  // namespace bam
