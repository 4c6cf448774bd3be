#pragma once

#include <functional>
#include <vector>

#include "runtime/memory.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace bam {

enum class BenchSize { kWhole, kSmall };

/// Times work on a device, a line each: milliseconds, rate, share of what the device reaches.
class GpuTable {
 public:
  /// kSmall: tensors have a sixty-fourth of their rows, to try the program out.
  GpuTable(DeviceKind kind, BenchSize size)
      : memory_(kind), stream_(memory_), size_(size), scale_(size == BenchSize::kWhole ? 1 : 64) {}

  Stream& stream() { return stream_; }
  BenchSize size() const { return size_; }
  std::int64_t scaled(std::int64_t rows) const { return rows / scale_; }

  /// Random values: sixteen million drawn ones over and over.
  Tensor values(const Shape& shape, DType dtype);
  void fill_random(const Tensor& out);

  /// Measures what the shares below are of: the rate of products of 8192^3 in bf16, and of a copy
  /// of 1 GiB.
  void measure_ceilings();
  /// A line of work that has `count` operations of matrix products.
  void operations(const char* name, double count, const std::function<void()>& body);
  /// A line of work that moves at least these tensors: read or written, each as often as it is
  /// named. A second share says how much longer than a copy of so many bytes it takes: small ones
  /// are bound by a launch, and what fits the cache by the cache.
  void bytes(const char* name, const std::vector<Tensor>& moved, const std::function<void()>& body);

 private:
  const Tensor& drawn();
  double seconds(const std::function<void()>& body);  // the median
  std::vector<double> runs(const std::function<void()>& body);
  double timed(int calls, const std::function<void()>& body);

  Memory memory_;
  Stream stream_;
  BenchSize size_;
  std::int64_t scale_;
  Tensor drawn_;
  double flops_ = 1;
  double bandwidth_ = 1;
};

}  // namespace bam
