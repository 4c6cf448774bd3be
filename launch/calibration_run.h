#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "launch/calibration.h"

namespace bam {

/// Sizes to measure at.
struct CalibrationSizes {
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> widths;
  std::vector<std::int64_t> lengths;   // of sequences
  std::vector<std::int64_t> messages;  // bytes
  double seconds = 0;                  // least time a measurement takes
  int repeats = 1;                     // measurements, whose median counts
};
CalibrationSizes sizes_for(CalibrationEffort effort);

/// Has a stream cut its work and look after messages, as in training on several ranks, while it
/// lives.
class Polling {
 public:
  Polling(Stream& stream, Communicator& world);
  Polling(const Polling&) = delete;
  Polling& operator=(const Polling&) = delete;
  ~Polling();

 private:
  Stream& stream_;
};

/// Seconds of one call with all ranks at it: the median of some runs, averaged over the ranks.
/// run(i) is the i-th call. Every rank calls it as often as the others.
double measured(Stream& stream, Communicator& world, const CalibrationSizes& sizes,
                const std::function<void(int)>& run);

/// Numbers between -1 and 1: processors are faster with zeros.
Tensor made_numbers(Stream& stream, const Shape& shape, DType dtype);

/// Operands that a step would not find in a cache: taken in turn.
class Operands {
 public:
  Operands(Stream& stream, const Shape& shape, DType dtype);
  int count() const { return static_cast<int>(tensors_.size()); }
  const Tensor& at(int turn) const {
    return tensors_[static_cast<std::size_t>(turn) % tensors_.size()];
  }

 private:
  std::vector<Tensor> tensors_;
};

}  // namespace bam
