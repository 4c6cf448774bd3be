#include "parallel/planner/verify/rank_cover.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace bam {
namespace {

constexpr double kRounding = 1e-12;  // of the whole load

}  // namespace

RankCover::RankCover(std::vector<std::vector<double>> windows, const std::vector<RankRoom>& ranks,
                     int slots, std::int64_t steps)
    : slots_(slots), steps_left_(steps), ranks_(static_cast<int>(ranks.size())) {
  loads_.resize(windows.front().size());
  for (const auto& window : windows) {
    totals_.push_back(std::accumulate(window.begin(), window.end(), 0.0));
    for (std::size_t expert = 0; expert < loads_.size(); ++expert) {
      loads_[expert].push_back(window[expert]);
    }
  }
  std::stable_sort(loads_.begin(), loads_.end(), [](const auto& a, const auto& b) {
    return std::accumulate(a.begin(), a.end(), 0.0) > std::accumulate(b.begin(), b.end(), 0.0);
  });
  for (const RankRoom& room : ranks) {
    speed_ += room.speed;
    const auto same = std::find_if(kinds_.begin(), kinds_.end(), [&](const Kind& kind) {
      return kind.room.slots == room.slots && kind.room.speed == room.speed;
    });
    if (same != kinds_.end()) {
      ++same->ranks;
    } else {
      kinds_.push_back({room, 1, {}, {}});
    }
  }
}

Recheck RankCover::within(double time) {
  if (loads_.size() > kMost) {
    return Recheck::kPossible;
  }
  const double total = std::accumulate(totals_.begin(), totals_.end(), 0.0);
  most_ = time * static_cast<double>(totals_.size()) + kRounding * total / speed_;
  seen_.clear();
  start_ = {};
  start_.speed = speed_;
  start_.left = totals_;
  start_.slowest = slowest_at_least();
  fewest_.clear();
  for (const auto& loads : loads_) {
    fewest_.push_back(fewest_copies(loads));
    start_.replicas += fewest_.back();
  }
  if (start_.replicas > slots_) {
    return Recheck::kImpossible;
  }
  Lists contents;
  for (Kind& kind : kinds_) {
    kind.contents.clear();
    kind.loads.clear();
    weigh(kind);
    list(kind, 0, 0, {{}, std::vector<double>(totals_.size()), start_.replicas});
    start_.ranks.push_back(kind.ranks);
    auto& list = contents.emplace_back();
    for (const auto& content : kind.contents) {
      list.push_back(&content);
    }
  }
  const bool is_possible = steps_left_ >= 0 && finish(start_, contents);
  return steps_left_ < 0 ? Recheck::kTooLong
         : is_possible   ? Recheck::kPossible
                         : Recheck::kImpossible;
}

/// Of several windows each takes what perfect balance takes. Of a single one it is the same how
/// early below the time its slowest rank is done, so that states do not differ by that.
std::vector<double> RankCover::slowest_at_least() const {
  if (totals_.size() == 1) {
    return {most_};
  }
  std::vector<double> slowest;
  for (const double total : totals_) {
    slowest.push_back(total / speed_);
  }
  return slowest;
}

/// The least copies of an expert of which one alone does not take too long; more than there are
/// slots where it always does.
int RankCover::fewest_copies(const std::vector<double>& loads) const {
  double fastest = 0;
  for (const Kind& kind : kinds_) {
    fastest = std::max(fastest, kind.room.speed);
  }
  for (int copies = 1; copies <= ranks_; ++copies) {
    double sum = 0;
    for (std::size_t window = 0; window < loads.size(); ++window) {
      sum += std::max(start_.slowest[window], loads[window] / copies / fastest);
    }
    if (sum <= most_) {
      return copies;
    }
  }
  return slots_ + 1;
}

const double* RankCover::loads_of(const Kind& kind, const Content& content) const {
  return kind.loads.data() + content.loads;
}

/// What the slowest ranks of all windows take together, at least, when one more rank of this speed
/// holds these loads and the ranks left share the rest perfectly.
double RankCover::in_all(const Progress& progress, double speed, const double* loads) const {
  const double others = progress.speed - speed;
  double sum = 0;
  for (std::size_t window = 0; window < totals_.size(); ++window) {
    const double own = std::max(progress.slowest[window], loads[window] / speed);
    const double rest = progress.left[window] - loads[window];
    sum += others > kRounding * speed_ ? std::max(own, rest / others) : own;
  }
  return sum;
}

RankCover::Draft RankCover::with(const Draft& draft, std::size_t expert, int copies) const {
  Draft more = draft;
  more.copies[expert] = static_cast<std::uint8_t>(copies);
  more.replicas += copies - fewest_[expert];
  for (std::size_t window = 0; window < totals_.size(); ++window) {
    more.loads[window] += loads_[expert][window] / copies;
  }
  return more;
}

/// What the slowest ranks take together if all but one of them are perfectly balanced.
double RankCover::alone(const Kind& kind, const Draft& draft) const {
  double sum = 0;
  for (std::size_t window = 0; window < totals_.size(); ++window) {
    sum += std::max(start_.slowest[window], draft.loads[window] / kind.room.speed);
  }
  return sum;
}

/// Notes the most that a rank of the kind can hold of any so many experts from each one on.
void RankCover::weigh(const Kind& kind) {
  const double together = std::accumulate(start_.slowest.begin(), start_.slowest.end(), 0.0);
  heaviest_.assign(loads_.size() + 1, {});
  for (std::size_t expert = 0; expert <= loads_.size(); ++expert) {
    auto& sums = heaviest_[expert];
    sums.assign(loads_.size() - expert + 1, std::vector<double>(totals_.size()));
    for (std::size_t window = 0; window < totals_.size(); ++window) {
      const double room = (most_ - together + start_.slowest[window]) * kind.room.speed;
      std::vector<double> parts;
      for (std::size_t next = expert; next < loads_.size(); ++next) {
        parts.push_back(std::min(loads_[next][window], room));
      }
      std::sort(parts.rbegin(), parts.rend());
      for (std::size_t count = 1; count < sums.size(); ++count) {
        sums[count][window] = sums[count - 1][window] + parts[count - 1];
      }
    }
  }
}

/// Whether the rank may come to hold so much that the others are not too slow.
bool RankCover::can_be_enough(const Kind& kind, std::size_t expert, int held,
                              const Draft& draft) const {
  const double others = speed_ - kind.room.speed;
  const auto more =
      std::min(loads_.size() - expert, static_cast<std::size_t>(kind.room.slots - held));
  double sum = 0;
  for (std::size_t window = 0; window < totals_.size(); ++window) {
    const double most = draft.loads[window] + heaviest_[expert][more][window];
    const double rest = others > kRounding * speed_ ? (totals_[window] - most) / others : 0;
    sum += std::max(start_.slowest[window], rest);
  }
  return sum <= most_;
}

// All that a rank can hold without taking longer, or so little that the other ranks would.
void RankCover::list(Kind& kind, std::size_t expert, int held, const Draft& draft) {
  if (--steps_left_ < 0 || !can_be_enough(kind, expert, held, draft)) {
    return;
  }
  if (expert == loads_.size()) {
    kind.contents.push_back({draft.copies, kind.loads.size()});
    kind.loads.insert(kind.loads.end(), draft.loads.begin(), draft.loads.end());
    return;
  }
  list(kind, expert + 1, held, draft);
  for (int copies = ranks_; copies > 0 && held < kind.room.slots; --copies) {
    const Draft more = with(draft, expert, copies);
    if (alone(kind, more) > most_) {
      break;
    }
    if (more.replicas <= slots_) {
      list(kind, expert + 1, held + 1, more);
    }
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
      more += copies - fewest_[expert];
    } else if (progress.copies[expert] != copies || progress.missing[expert] == 0) {
      return false;
    }
  }
  return progress.replicas + more <= slots_ &&
         in_all(progress, kind.room.speed, loads_of(kind, content)) <= most_;
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
  const double speed = kinds_[kind].room.speed;
  const double* loads = loads_of(kinds_[kind], content);
  next.speed -= speed;
  for (std::size_t window = 0; window < totals_.size(); ++window) {
    next.left[window] -= loads[window];
    next.slowest[window] = std::max(next.slowest[window], loads[window] / speed);
  }
  for (std::size_t expert = 0; expert < loads_.size(); ++expert) {
    if (content.copies[expert] == 0) {
      continue;
    }
    if (next.copies[expert] == 0) {
      next.copies[expert] = next.missing[expert] = content.copies[expert];
      next.replicas += content.copies[expert] - fewest_[expert];
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
  auto& met = seen_[key];
  const auto& slowest = progress.slowest;
  for (const auto& before : met) {
    --steps_left_;
    if (std::equal(before.begin(), before.end(), slowest.begin(), std::less_equal<>())) {
      return false;
    }
  }
  met.push_back(slowest);
  return true;
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
