#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <utility>

#include "launch/calibration.h"
#include "launch/calibration_run.h"
#include "launch/monotone.h"
#include "runtime/check.h"
#include "runtime/matmul.h"
#include "runtime/median.h"

namespace bam {
namespace {

enum class Pattern { kAllToAll, kGather };

/// Every rank of a group sends something to every other: `bytes` in all.
class GroupTransfer {
 public:
  GroupTransfer(Stream& stream, Communicator& group, std::int64_t bytes, Pattern pattern)
      : group_(group), pattern_(pattern) {
    const std::int64_t each = std::max<std::int64_t>(1, bytes / 4 / (group.size() - 1));
    out_ = made_numbers(stream, {group.size(), each}, DType::kFloat32);
    in_ = made_numbers(stream, {group.size(), each}, DType::kFloat32);
  }

  Pending start(Stream& stream) const {
    std::vector<Transfer> sends;
    std::vector<Transfer> receives;
    for (int peer = 0; peer < group_.size(); ++peer) {
      if (peer != group_.rank()) {
        const int row = pattern_ == Pattern::kGather ? group_.rank() : peer;
        sends.push_back({peer, out_.slice(row, row + 1)});
        receives.push_back({peer, in_.slice(peer, peer + 1)});
      }
    }
    return group_.transfer(stream, std::move(sends), std::move(receives));
  }

 private:
  Communicator& group_;
  Pattern pattern_;
  Tensor out_;  // (ranks, elements) fp32
  Tensor in_;   // likewise
};

/// Seconds until every rank has what all others sent it.
double exchange_seconds(Stream& stream, Communicator& world, Communicator& group,
                        const CalibrationSizes& sizes, std::int64_t bytes, Pattern pattern) {
  const GroupTransfer transfer(stream, group, bytes, pattern);
  return measured(stream, world, sizes, [&](int) { transfer.start(stream).wait(stream); });
}

/// An exchange's time over the bytes that a rank sends.
std::vector<TransferPoint> curve(const CalibrationSizes& sizes, const std::string& name,
                                 const std::function<double(std::int64_t)>& seconds_of,
                                 Disturbances& disturbances) {
  std::vector<std::vector<double>> seconds(sizes.messages.size());
  for (int repeat = 0; repeat < sizes.repeats; ++repeat) {
    for (std::size_t at = 0; at < seconds.size(); ++at) {
      seconds[at].push_back(seconds_of(sizes.messages[at]));
    }
  }
  std::vector<TimedSize> timed;
  for (std::size_t at = 0; at < seconds.size(); ++at) {
    timed.push_back({{static_cast<double>(sizes.messages[at])},
                     median(seconds[at]),
                     message_of(name, " of ", sizes.messages[at], " bytes")});
  }
  const auto again = [&](std::size_t at) { return seconds_of(sizes.messages[at]); };
  std::ranges::copy(make_monotone(timed, again), std::back_inserter(disturbances));
  std::vector<TransferPoint> points;
  for (const TimedSize& each : timed) {
    points.push_back({each.size.front(), each.seconds});
  }
  return points;
}

}  // namespace

Link measure_link(Stream& stream, Communicator& world, Communicator& group,
                  CalibrationEffort effort, Disturbances& disturbances) {
  const CalibrationSizes sizes = sizes_for(effort);
  CalibrationSizes once = sizes;
  once.repeats = 1;
  const auto seconds_of = [&](Pattern pattern) {
    return [&, pattern](std::int64_t bytes) {
      return exchange_seconds(stream, world, group, once, bytes, pattern);
    };
  };
  Link link;
  link.all_to_all = curve(sizes, "an all-to-all", seconds_of(Pattern::kAllToAll), disturbances);
  link.gather = curve(sizes, "a gather", seconds_of(Pattern::kGather), disturbances);
  const TransferPoint& first = link.all_to_all.front();
  const TransferPoint& last = link.all_to_all.back();
  link.latency = first.seconds / (group.size() - 1);
  link.bandwidth = last.bytes / last.seconds;
  return link;
}

double measure_hiding(Stream& stream, Communicator& world, CalibrationEffort effort) {
  const CalibrationSizes sizes = sizes_for(effort);
  const Polling polling(stream, world);
  const std::int64_t bytes = effort == CalibrationEffort::kQuick ? 1 << 16 : 1 << 22;
  const std::int64_t side = effort == CalibrationEffort::kQuick ? 64 : 512;
  const GroupTransfer transfer(stream, world, bytes, Pattern::kAllToAll);
  const Operands x(stream, {side, side}, DType::kFloat32);
  const Tensor y = made_numbers(stream, {side, side}, DType::kFloat32);
  const auto multiply = [&](int times) {
    for (int i = 0; i < times; ++i) {
      matmul(stream, x.at(i), transposed(x.at(i + 1)), y);
    }
  };
  const auto seconds = [&](const std::function<void(int)>& run) {
    return measured(stream, world, sizes, run);
  };
  const double exchange = seconds([&](int) { transfer.start(stream).wait(stream); });
  const double product = seconds([&](int) { multiply(1); });
  const int products = static_cast<int>(std::ceil(2 * exchange / product));
  const double alone = seconds([&](int) { multiply(products); });
  const double together = seconds([&](int) {
    Pending pending = transfer.start(stream);
    multiply(products);
    pending.wait(stream);
  });
  return std::clamp(1 - (together - alone) / exchange, 0.0, 1.0);
}

}  // namespace bam
