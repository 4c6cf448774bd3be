#include "parallel/planner/cost/cluster.h"

#include <algorithm>

#include "runtime/check.h"

namespace bam {
namespace {

/// Part of the full rate that a side of this size reaches.
double filling(double size, double half_size) { return size / (size + half_size); }

/// On the curve; beyond its ends, as fast a byte as at the nearest end.
double on_curve(const std::vector<TransferPoint>& curve, double bytes) {
  std::vector<double> x;
  std::vector<double> y;
  for (const TransferPoint& point : curve) {
    x.push_back(point.bytes);
    y.push_back(point.seconds);
  }
  const double seconds = interpolated(x, y, bytes);
  return bytes > x.back() ? seconds * bytes / x.back() : seconds;
}

}  // namespace

std::string_view name_of(LinkClass link) { return link == LinkClass::kNode ? "node" : "network"; }

double Link::seconds(double bytes, double messages) const {
  if (bytes == 0 && messages == 0) {
    return 0;
  }
  check_input(bandwidth > 0,
              "links: ranks of this layout exchange over a class of links that the "
              "cluster does not have");
  if (!all_to_all.empty()) {
    return std::max(on_curve(all_to_all, bytes), messages * latency);
  }
  return messages * latency + bytes / bandwidth;
}

double ComputeRates::product_seconds(const ProductShape& shape, ProductKind kind) const {
  if (shape.operations() == 0) {
    return 0;
  }
  const RateGrid& grid = products[static_cast<std::size_t>(kind)];
  if (!grid.empty()) {
    return shape.operations() / grid.rate(shape);
  }
  check_input(peak > 0, "rates: none for the products' dtype");
  const double filled =
      filling(shape.m, half_size) * filling(shape.k, half_size) * filling(shape.n, half_size);
  return start + shape.operations() / (peak * reached * filled);
}

AttentionPoint ComputeRates::attention_rate(std::int64_t length) const {
  if (attention.empty()) {
    const double rate = peak * reached * filling(static_cast<double>(length), half_size);
    return {length, rate, rate};
  }
  std::vector<double> lengths;
  std::vector<double> forward;
  std::vector<double> backward;
  for (const AttentionPoint& point : attention) {
    lengths.push_back(static_cast<double>(point.length));
    forward.push_back(point.forward);
    backward.push_back(point.backward);
  }
  const auto at = static_cast<double>(length);
  return {length, interpolated(lengths, forward, at), interpolated(lengths, backward, at)};
}

}  // namespace bam
