#pragma once

#include <vector>

#include "parallel/communicator.h"
#include "parallel/part_clock.h"

namespace bam {

/// What each rank tells all others after a step.
struct RankReport {
  std::int64_t signal = 0;     // that it has received; 0: none
  std::int64_t has_saved = 0;  // whether its part of a checkpoint on its way is done
  PartTimes parts;
};

/// Collective: every rank's report, in rank order.
std::vector<RankReport> gather_reports(Stream& stream, Communicator& world, const RankReport& own);

bool have_saved(const std::vector<RankReport>& reports);
std::vector<PartTimes> parts_of(const std::vector<RankReport>& reports);

/// The signal that all ranks obey, whichever of them received it; 0: none. SIGINT goes before
/// SIGTERM, and that before SIGUSR1.
int agreed_signal(const std::vector<RankReport>& reports);

}  // namespace bam
