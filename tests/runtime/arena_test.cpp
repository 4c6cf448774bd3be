#include "runtime/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "runtime/check.h"

namespace bam {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// A device with so much memory.
struct Device {
  std::size_t left;
  std::vector<std::pair<void*, std::size_t>> pieces;

  Arena arena(Arena::Pieces keep = Arena::Pieces::kMayGo) {
    return {[this](std::size_t bytes) -> void* {
              if (bytes > left) {
                return nullptr;
              }
              left -= bytes;
              pieces.push_back({std::aligned_alloc(Arena::kAlignment, bytes), bytes});
              return pieces.back().first;
            },
            [this](void* piece) {
              const auto found = std::find_if(pieces.begin(), pieces.end(),
                                              [&](const auto& one) { return one.first == piece; });
              ASSERT_NE(found, pieces.end());
              left += found->second;
              std::free(piece);
              pieces.erase(found);
            },
            keep};
  }
};

TEST(Arena, HandsOutABlockThatCameBackAndCutsLargerOnes) {
  Device device{64 * kMiB, {}};
  Arena arena = device.arena();
  void* first = arena.take(1000);
  void* second = arena.take(1000);
  EXPECT_NE(first, second);
  arena.give(first);
  EXPECT_EQ(arena.take(300), first);
  EXPECT_EQ(device.pieces.size(), 1U);
  EXPECT_EQ(arena.taken(), 512U + 1024U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(second) % Arena::kAlignment, 0U);
}

TEST(Arena, JoinsFreeNeighboursSoThatALargerBlockFits) {
  Device device{2 * kMiB, {}};
  Arena arena = device.arena();
  std::vector<void*> quarters;
  for (int i = 0; i < 4; ++i) {
    quarters.push_back(arena.take(kMiB / 2));
  }
  EXPECT_EQ(arena.take(1), nullptr);
  for (const int i : {0, 2, 1, 3}) {
    arena.give(quarters[static_cast<std::size_t>(i)]);
  }
  EXPECT_EQ(arena.take(2 * kMiB), quarters[0]);
}

TEST(Arena, AsksForFewPiecesAndExchangesThemWhereMemoryEnds) {
  Device device{40 * kMiB, {}};
  Arena arena = device.arena();
  std::vector<void*> blocks;
  for (int i = 0; i < 32; ++i) {
    blocks.push_back(arena.take(kMiB));
    ASSERT_NE(blocks.back(), nullptr);
  }
  EXPECT_LE(device.pieces.size(), 6U);
  for (void* block : blocks) {
    arena.give(block);
  }
  EXPECT_EQ(arena.taken(), 0U);
  EXPECT_NE(arena.take(39 * kMiB), nullptr);
  EXPECT_EQ(arena.held(), 40 * kMiB);
}

TEST(Arena, KeepsBlocksApartWhateverIsTakenAndGivenBack) {
  Device device{512 * kMiB, {}};
  Arena arena = device.arena();
  struct Taken {
    unsigned char* at;
    std::size_t size;
    unsigned char mark;
  };
  std::vector<Taken> taken;
  std::mt19937 random(3);
  for (int i = 0; i < 4000; ++i) {
    if (taken.size() < 50 && random() % 3 != 0) {
      const std::size_t size = random() % 50000 + 1;
      const auto mark = static_cast<unsigned char>(random());
      taken.push_back({static_cast<unsigned char*>(arena.take(size)), size, mark});
      std::memset(taken.back().at, mark, size);
    } else if (!taken.empty()) {
      std::swap(taken[random() % taken.size()], taken.back());
      const Taken& one = taken.back();
      ASSERT_TRUE(std::all_of(one.at, one.at + one.size, [&](auto c) { return c == one.mark; }));
      arena.give(one.at);
      taken.pop_back();
    }
  }
  EXPECT_LE(arena.held(), 4 * kMiB);
}

TEST(Arena, KeepsPiecesThatAreToStayEvenWhereTheDeviceHasNoMore) {
  Device device{6 * kMiB, {}};
  Arena arena = device.arena(Arena::Pieces::kStay);
  void* block = arena.take(3 * kMiB);
  arena.give(block);
  EXPECT_EQ(arena.take(5 * kMiB), nullptr);  // for which the free piece would have to go
  arena.trim();
  EXPECT_EQ(arena.held(), 4 * kMiB);
  EXPECT_EQ(arena.take(3 * kMiB), block);
}

TEST(Arena, RefusesWhatItDidNotHandOut) {
  Device device{4 * kMiB, {}};
  Arena arena = device.arena();
  void* block = arena.take(1000);
  arena.give(block);
  EXPECT_THROW(arena.give(block), Error);
  EXPECT_THROW(arena.give(&device), Error);
}

}  // namespace
}  // namespace bam
