#include "launch/calibration_run.h"

#include <algorithm>
#include <cmath>

#include "runtime/elementwise.h"
#include "runtime/host.h"
#include "runtime/median.h"
#include "runtime/random.h"
#include "runtime/trace.h"

namespace bam {
namespace {

double mean_over_ranks(Stream& stream, Communicator& world, double value) {
  world.all_reduce_sum(stream, std::span(&value, 1)).wait(stream);
  return value / world.size();
}

/// Seconds of so many calls, run(i) being the i-th.
double seconds_of(int calls, const std::function<void(int)>& run) {
  const double begin = Trace::now();
  for (int call = 0; call < calls; ++call) {
    run(call);
  }
  return Trace::now() - begin;
}

}  // namespace

CalibrationSizes sizes_for(CalibrationEffort effort) {
  if (effort == CalibrationEffort::kQuick) {
    return {{32, 128}, {64, 128}, {64}, {4096, 65536}, 0, 1};
  }
  return {{16, 64, 256, 1024, 2048},
          {64, 256, 1024, 2048},
          {64, 256, 1024, 2048},
          {1 << 10, 1 << 13, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24},
          0.004,
          5};
}

Polling::Polling(Stream& stream, Communicator& world) : stream_(stream) {
  if (world.size() > 1) {
    stream.on_poll([&clock = world.clock()] { clock.progress(); });
  }
}

Polling::~Polling() { stream_.on_poll(nullptr); }

double measured(Stream& stream, Communicator& world, const CalibrationSizes& sizes,
                const std::function<void(int)>& run) {
  run(0);  // touches memory and makes primitives
  // Every rank calls as often as the others: a call may wait for them.
  const double own = median({seconds_of(1, run), seconds_of(1, run), seconds_of(1, run)});
  const double once = mean_over_ranks(stream, world, own);
  const int calls = std::max(1, static_cast<int>(std::ceil(sizes.seconds / once)));
  std::vector<double> seconds;
  for (int repeat = 0; repeat < sizes.repeats; ++repeat) {
    world.barrier(stream).wait(stream);
    seconds.push_back(seconds_of(calls, run) / calls);
  }
  return mean_over_ranks(stream, world, median(std::move(seconds)));
}

Tensor made_numbers(Stream& stream, const Shape& shape, DType dtype) {
  constexpr std::size_t kDrawn = 4093;  // of no common factor with any side
  const Random random(1, "calibration");
  std::vector<float> values(static_cast<std::size_t>(elements_of(shape)));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = i < kDrawn ? static_cast<float>(2 * random.uniform(i) - 1) : values[i - kDrawn];
  }
  Tensor wide(stream, shape, DType::kFloat32);
  to_device(stream, values, wide);
  if (dtype == DType::kFloat32) {
    return wide;
  }
  Tensor out(stream, shape, dtype);
  copy(stream, wide, out);
  return out;
}

Operands::Operands(Stream& stream, const Shape& shape, DType dtype) {
  constexpr std::size_t kBytes = std::size_t{32} << 20;
  constexpr std::size_t kMost = 16;
  tensors_.push_back(made_numbers(stream, shape, dtype));
  while (tensors_.size() < kMost && tensors_.size() * tensors_.front().bytes() < kBytes) {
    tensors_.emplace_back(stream, shape, dtype);
    copy(stream, tensors_.front(), tensors_.back());
  }
}

}  // namespace bam
