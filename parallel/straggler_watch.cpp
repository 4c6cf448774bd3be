#include "parallel/straggler_watch.h"

#include <algorithm>
#include <numeric>

#include "runtime/median.h"

namespace bam {
namespace {

constexpr double kSlow = 1.2;          // block means beyond it are slow
constexpr double kNoLonger = 1.1;      // a window's mean below it ends it
constexpr double kLeastOfAStep = 0.8;  // what one step counts for: a hiccup, of this rank or of the
constexpr double kMostOfAStep = 1.5;   // others, says little
constexpr double kLeastShare = 0.05;   // of a step: shorter parts are not looked at

/// Of a value for each rank: the median of all others'.
std::vector<double> medians_of_others(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [&](std::size_t rank) { return values[rank]; });
  std::vector<double> medians(values.size());
  const std::size_t others = values.size() - 1;
  for (std::size_t place = 0; place < order.size(); ++place) {
    const auto other = [&](std::size_t i) { return values[order[i < place ? i : i + 1]]; };
    medians[order[place]] = 0.5 * (other((others - 1) / 2) + other(others / 2));
  }
  return medians;
}

template <class Of>
std::vector<double> for_each_rank(std::span<const PartTimes> ranks, Of of) {
  std::vector<double> values;
  for (const PartTimes& parts : ranks) {
    values.push_back(of(parts));
  }
  return values;
}

double all_seconds(const PartTimes& parts) {
  double seconds = 0;
  for (const PartTime& part : parts) {
    seconds += part.seconds;
  }
  return seconds;
}

}  // namespace

StragglerWatch::StragglerWatch(int ranks) : tracks_(static_cast<std::size_t>(ranks)) {}

void StragglerWatch::add(std::span<const PartTimes> ranks) {
  if (tracks_.size() < 2) {
    return;
  }
  const double step_seconds = median(for_each_rank(ranks, all_seconds));
  for (std::size_t part = 0; part < kStepParts; ++part) {
    add_part(ranks, part, step_seconds);
  }
  if (++steps_ == kBlockSteps) {
    close_block();
  }
}

void StragglerWatch::add_part(std::span<const PartTimes> ranks, std::size_t part,
                              double step_seconds) {
  const auto seconds = for_each_rank(ranks, [&](const auto& of) { return of[part].seconds; });
  const auto paces = for_each_rank(ranks, [&](const auto& of) {
    return of[part].operations > 0 ? of[part].seconds / of[part].operations : 0.0;
  });
  const auto other_seconds = medians_of_others(seconds);
  const auto other_paces = medians_of_others(paces);
  for (std::size_t rank = 0; rank < tracks_.size(); ++rank) {
    if (std::max(seconds[rank], other_seconds[rank]) < kLeastShare * step_seconds ||
        other_seconds[rank] <= 0) {
      continue;
    }
    double slowness = seconds[rank] / other_seconds[rank];
    if (other_paces[rank] > 0 && paces[rank] > 0) {
      slowness = std::min(slowness, paces[rank] / other_paces[rank]);
    }
    Block& block = tracks_[rank][part].blocks[block_];
    block.slowness += std::clamp(slowness, kLeastOfAStep, kMostOfAStep);
    block.own += seconds[rank];
    block.others += other_seconds[rank];
  }
}

void StragglerWatch::close_block() {
  found_.clear();
  steps_ = 0;
  block_ = (block_ + 1) % kBlocks;
  for (std::size_t rank = 0; rank < tracks_.size(); ++rank) {
    std::ranges::for_each(tracks_[rank], judge);
    if (std::ranges::any_of(tracks_[rank], &Track::is_slow)) {
      found_.push_back(worst_part(rank));
    }
    for (Track& track : tracks_[rank]) {
      track.blocks[block_] = {};  // the oldest one makes room
    }
  }
}

Straggler StragglerWatch::worst_part(std::size_t rank) const {
  double most_lost = 0;
  Straggler worst{.rank = static_cast<int>(rank)};
  for (std::size_t part = 0; part < kStepParts; ++part) {
    Block all;
    for (const Block& block : tracks_[rank][part].blocks) {
      all.own += block.own;
      all.others += block.others;
    }
    if (tracks_[rank][part].is_slow && all.own - all.others > most_lost) {
      most_lost = all.own - all.others;
      worst.part = static_cast<StepPart>(part);
      worst.ratio = all.own / all.others;
    }
  }
  return worst;
}

void StragglerWatch::judge(Track& track) {
  int slow_blocks = 0;
  double sum = 0;
  for (const Block& block : track.blocks) {
    slow_blocks += block.slowness >= kSlow * kBlockSteps ? 1 : 0;
    sum += block.slowness;
  }
  const double mean = sum / (kBlockSteps * kBlocks);
  track.is_slow =
      (slow_blocks >= kBlocks - 1 && mean >= kSlow) || (track.is_slow && mean >= kNoLonger);
}

}  // namespace bam
