#pragma once

#include <array>
#include <span>
#include <vector>

#include "parallel/part_clock.h"

namespace bam {

/// A rank that computes slower than the others.
struct Straggler {
  int rank = 0;
  StepPart part = StepPart::kForward;  // in which it loses most
  double ratio = 1;                    // its time there, as a multiple of the others' median
};

/// Finds ranks that are slower than the others for many steps on end. A rank counts as slower in a
/// part of the step when both its time and its time an operation are beyond the median of the
/// others', so that one with more to do, or with pieces too small to be fast, is not one. Of
/// windows of 20 steps in 4 blocks, the mean and 3 blocks' means must be beyond 1.2: a rank slower
/// by a third is found within 20 steps, while single hiccups, counted as 1.5 at most, are not.
class StragglerWatch {
 public:
  static constexpr int kBlockSteps = 5;
  static constexpr int kBlocks = 4;

  explicit StragglerWatch(int ranks);

  /// Every rank's times of one step.
  void add(std::span<const PartTimes> ranks);
  /// The slow ones, after the last whole block.
  const std::vector<Straggler>& found() const { return found_; }

 private:
  struct Block {
    double slowness = 0;  // sum over steps
    double own = 0;       // seconds
    double others = 0;    // seconds of the others' median
  };
  struct Track {  // of one rank's part
    std::array<Block, kBlocks> blocks;
    bool is_slow = false;
  };

  void add_part(std::span<const PartTimes> ranks, std::size_t part, double step_seconds);
  void close_block();
  Straggler worst_part(std::size_t rank) const;
  static void judge(Track& track);

  std::vector<std::array<Track, kStepParts>> tracks_;  // by rank
  int steps_ = 0;                                      // of the block that is being filled
  std::size_t block_ = 0;                              // which one that is
  std::vector<Straggler> found_;
};

}  // namespace bam
