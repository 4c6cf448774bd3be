#include "parallel/planner/verify/rank_cover.h"

#include <algorithm>
#include <numeric>

namespace bam {
namespace {

constexpr double kRounding = 1e-12;  // of the whole load

}  // namespace

RankCover::RankCover(std::vector<double> loads, const std::vector<RankRoom>& ranks, int slots,
                     std::int64_t steps)
    : loads_(std::move(loads)), slots_(slots), steps_left_(steps) {
  std::sort(loads_.rbegin(), loads_.rend());
  total_ = std::accumulate(loads_.begin(), loads_.end(), 0.0);
  for (const RankRoom& room : ranks) {
    speed_ += room.speed;
    const auto same = std::find_if(kinds_.begin(), kinds_.end(), [&](const Kind& kind) {
      return kind.room.slots == room.slots && kind.room.speed == room.speed;
    });
    if (same != kinds_.end()) {
      ++same->ranks;
    } else {
      kinds_.push_back({room, 1, {}});
    }
  }
}

Recheck RankCover::within(double time) {
  if (loads_.size() > kMost) {
    return Recheck::kPossible;
  }
  time_ = time;
  seen_.clear();
  Progress start;
  start.replicas = static_cast<int>(loads_.size());
  Lists contents;
  for (Kind& kind : kinds_) {
    kind.contents.clear();
    list(kind, 0, 0, {});
    start.ranks.push_back(kind.ranks);
    auto& list = contents.emplace_back();
    for (const auto& content : kind.contents) {
      list.push_back(&content);
    }
  }
  const bool is_possible = steps_left_ >= 0 && finish(start, contents);
  return steps_left_ < 0 ? Recheck::kTooLong
         : is_possible   ? Recheck::kPossible
                         : Recheck::kImpossible;
}

// All that a rank can hold without taking longer, or so little that the other ranks would.
void RankCover::list(Kind& kind, std::size_t expert, int held, Content content) {
  if (--steps_left_ < 0) {
    return;
  }
  const double room = time_ * kind.room.speed;
  const double least = total_ - time_ * (speed_ - kind.room.speed) - kRounding * total_;
  double most = content.load;
  for (std::size_t next = expert;
       next < loads_.size() && held + static_cast<int>(next - expert) < kind.room.slots; ++next) {
    most += std::min(loads_[next], room);
  }
  if (most < least) {
    return;
  }
  if (expert == loads_.size()) {
    kind.contents.push_back(content);
    return;
  }
  list(kind, expert + 1, held, content);
  int ranks = 0;
  for (const Kind& any : kinds_) {
    ranks += any.ranks;
  }
  for (int copies = ranks; copies > 0 && held < kind.room.slots; --copies) {
    const double load = content.load + loads_[expert] / copies;
    if (load > room + kRounding * total_) {
      break;
    }
    Content more = content;
    more.copies[expert] = static_cast<std::uint8_t>(copies);
    more.load = load;
    list(kind, expert + 1, held + 1, more);
  }
}

bool RankCover::agrees(const Content& content, const Kind& kind, const Progress& progress) const {
  int more = 0;
  for (std::size_t expert = 0; expert < loads_.size(); ++expert) {
    const int copies = content.copies[expert];
    if (copies == 0) {
      continue;
    }
    if (progress.copies[expert] == 0) {
      more += copies - 1;
    } else if (progress.copies[expert] != copies || progress.missing[expert] == 0) {
      return false;
    }
  }
  const double idle = progress.idle + time_ * kind.room.speed - content.load;
  return progress.replicas + more <= slots_ && idle <= time_ * speed_ - total_ + kRounding * total_;
}

bool RankCover::is_done(const Progress& progress) const {
  for (std::size_t expert = 0; expert < loads_.size(); ++expert) {
    if (progress.copies[expert] == 0 || progress.missing[expert] > 0) {
      return false;
    }
  }
  return true;
}

/// The unfinished expert that the fewest contents hold.
std::size_t RankCover::scarcest(const Lists& usable, const Progress& progress) const {
  std::array<std::int64_t, kMost> uses{};
  for (const auto& list : usable) {
    for (const Content* content : list) {
      for (std::size_t expert = 0; expert < loads_.size(); ++expert) {
        uses[expert] += content->copies[expert] > 0 ? 1 : 0;
      }
    }
  }
  std::size_t best = loads_.size();
  for (std::size_t expert = 0; expert < loads_.size(); ++expert) {
    const bool is_left = progress.copies[expert] == 0 || progress.missing[expert] > 0;
    if (is_left && (best == loads_.size() || uses[expert] < uses[best])) {
      best = expert;
    }
  }
  return best;
}

RankCover::Lists RankCover::usable(const Progress& progress, const Lists& contents) {
  Lists usable(kinds_.size());
  for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
    for (const Content* content : contents[kind]) {
      --steps_left_;
      if (progress.ranks[kind] > 0 && agrees(*content, kinds_[kind], progress)) {
        usable[kind].push_back(content);
      }
    }
  }
  return usable;
}

RankCover::Progress RankCover::with(const Progress& progress, std::size_t kind,
                                    const Content& content) const {
  Progress next = progress;
  --next.ranks[kind];
  next.idle += time_ * kinds_[kind].room.speed - content.load;
  for (std::size_t expert = 0; expert < loads_.size(); ++expert) {
    if (content.copies[expert] == 0) {
      continue;
    }
    if (next.copies[expert] == 0) {
      next.copies[expert] = next.missing[expert] = content.copies[expert];
      next.replicas += content.copies[expert] - 1;
    }
    --next.missing[expert];
  }
  return next;
}

bool RankCover::is_new(const Progress& progress) {
  std::string key(progress.copies.begin(), progress.copies.end());
  key.append(progress.missing.begin(), progress.missing.end());
  for (const int ranks : progress.ranks) {
    key.push_back(static_cast<char>(ranks));
  }
  return seen_.insert(key).second;
}

bool RankCover::finish(const Progress& progress, const Lists& contents) {
  if (is_done(progress)) {
    return true;
  }
  if (!is_new(progress)) {
    return false;
  }
  const Lists options = usable(progress, contents);
  const std::size_t expert = scarcest(options, progress);
  for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
    for (const Content* content : options[kind]) {
      if (steps_left_ < 0) {
        return false;
      }
      if (content->copies[expert] > 0 && finish(with(progress, kind, *content), options)) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace bam
