#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "parallel/planner/cost/rate_grid.h"
#include "runtime/device.h"
#include "runtime/dtype.h"

namespace bam {

/// What lies between two ranks.
enum class LinkClass : std::uint8_t { kNode, kNetwork };
inline constexpr std::size_t kLinkClasses = 2;

/// "node", "network".
std::string_view name_of(LinkClass link);

/// One point of a measured exchange.
struct TransferPoint {
  double bytes = 0;  // each rank sends
  double seconds = 0;
};

/// How fast a class of links is for one rank.
struct Link {
  double bandwidth = 0;  // bytes/s sent while as many are received; 0: there is no such link
  double latency = 0;    // seconds
  std::vector<TransferPoint> all_to_all = {};  // measured, bytes ascending; empty: not
  std::vector<TransferPoint> gather = {};

  /// Seconds until a rank that sends `bytes` in `messages` messages, and receives as many, is done.
  double seconds(double bytes, double messages) const;
};

/// Operations a second of attention, at one sequence length.
struct AttentionPoint {
  std::int64_t length = 0;
  double forward = 0;
  double backward = 0;
};

/// How fast one rank multiplies operands of one dtype.
struct ComputeRates {
  double peak = 0;  // operations/s; 0: not known
  double reached = 1;
  double half_size = 0;
  double start = 0;  // seconds a kernel
  std::array<RateGrid, kProductKinds> products = {};
  std::vector<AttentionPoint> attention = {};  // lengths ascending

  /// Seconds of one product.
  double product_seconds(const ProductShape& shape, ProductKind kind) const;
  /// Operations a second of attention over sequences of this length.
  AttentionPoint attention_rate(std::int64_t length) const;
};

/// Bytes a second, read and written, of kernels that go through rows one by one.
struct RowRates {
  double copy = 0;
  double activation = 0;
  double loss = 0;
  double optimizer = 0;
};

/// What a step's time and a model's fit are predicted for. See proto/cluster.proto.
struct Cluster {
  std::string name;
  int nodes = 1;
  int ranks_per_node = 1;
  DeviceKind device = DeviceKind::kCpu;
  double memory = 0;  // bytes of a rank
  double hides = 0.9;
  std::array<Link, kLinkClasses> links = {};
  ComputeRates fp32 = {};
  ComputeRates bf16 = {};
  RowRates rows = {};

  int ranks() const { return nodes * ranks_per_node; }
  const Link& link(LinkClass which) const { return links[static_cast<std::size_t>(which)]; }
  const ComputeRates& rates(DType dtype) const { return dtype == DType::kBFloat16 ? bf16 : fp32; }
};

}  // namespace bam
