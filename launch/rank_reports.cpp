#include "launch/rank_reports.h"

#include <algorithm>
#include <csignal>

namespace bam {

std::vector<RankReport> gather_reports(Stream& stream, Communicator& world, const RankReport& own) {
  std::vector<RankReport> all(static_cast<std::size_t>(world.size()));
  world
      .all_gather(stream, std::as_bytes(std::span(&own, 1)), std::as_writable_bytes(std::span(all)))
      .wait(stream);
  return all;
}

bool have_saved(const std::vector<RankReport>& reports) {
  return std::ranges::all_of(reports, [](const RankReport& report) { return report.has_saved; });
}

std::vector<PartTimes> parts_of(const std::vector<RankReport>& reports) {
  std::vector<PartTimes> parts;
  for (const RankReport& report : reports) {
    parts.push_back(report.parts);
  }
  return parts;
}

int agreed_signal(const std::vector<RankReport>& reports) {
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) {
    if (std::ranges::count(reports, signal, &RankReport::signal) > 0) {
      return signal;
    }
  }
  return 0;
}

}  // namespace bam
