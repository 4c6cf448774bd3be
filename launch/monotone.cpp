#include "launch/monotone.h"

#include <algorithm>
#include <cstdio>

namespace bam {
namespace {

/// Points that are longer than larger ones by less than this part are not worth a word.
constexpr double kTolerance = 0.1;
constexpr int kTries = 2;

bool is_larger(const TimedSize& a, const TimedSize& b) {
  bool is_any = false;
  for (std::size_t dimension = 0; dimension < a.size.size(); ++dimension) {
    if (a.size[dimension] < b.size[dimension]) {
      return false;
    }
    is_any = is_any || a.size[dimension] > b.size[dimension];
  }
  return is_any;
}

/// Of the point and all larger ones the one that took least time.
const TimedSize& quickest_from(const std::vector<TimedSize>& points, const TimedSize& point) {
  const TimedSize* quickest = &point;
  for (const TimedSize& other : points) {
    if (other.seconds < quickest->seconds && is_larger(other, point)) {
      quickest = &other;
    }
  }
  return *quickest;
}

bool is_outlier(const std::vector<TimedSize>& points, const TimedSize& point) {
  return point.seconds > quickest_from(points, point).seconds * (1 + kTolerance);
}

std::string sentence(const TimedSize& point, const TimedSize& larger) {
  char text[320];
  std::snprintf(text, sizeof text,
                "%s took %.4g s, longer than %s (%.4g s), and counts as long as that",
                point.name.c_str(), point.seconds, larger.name.c_str(), larger.seconds);
  return text;
}

}  // namespace

std::vector<std::string> make_monotone(std::vector<TimedSize>& points, const MeasureAgain& again) {
  for (int attempt = 0; attempt < kTries; ++attempt) {
    for (std::size_t at = 0; at < points.size(); ++at) {
      if (is_outlier(points, points[at])) {
        points[at].seconds = std::min(points[at].seconds, again(at));
      }
    }
  }
  std::vector<std::string> sentences;
  const std::vector<TimedSize> found = points;
  for (TimedSize& point : points) {
    const TimedSize& quickest = quickest_from(found, point);
    if (is_outlier(found, point)) {
      sentences.push_back(sentence(point, quickest));
    }
    point.seconds = quickest.seconds;
  }
  return sentences;
}

}  // namespace bam
