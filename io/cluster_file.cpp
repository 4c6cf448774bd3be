#include "io/cluster_file.h"

#include <algorithm>

#include "io/field_check.h"

namespace bam {
namespace {

using TransferPoints = google::protobuf::RepeatedPtrField<proto::TransferPoint>;

constexpr int kMostNodes = 1 << 16;
constexpr int kMostRanksPerNode = 1 << 10;

/// Reads one cluster's message field by field.
class ClusterReader {
 public:
  ClusterReader(const proto::Cluster& message, const std::string& source)
      : message_(message), source_(source), field_(source) {}

  Cluster read() const {
    Cluster out;
    out.name = message_.name().empty() ? source_ : message_.name();
    out.nodes = field_.whole<int>(message_.nodes(), "nodes", 1, kMostNodes);
    out.ranks_per_node =
        field_.whole<int>(message_.ranks_per_node(), "ranks_per_node", 1, kMostRanksPerNode);
    field_.that(proto::Cluster::Device_IsValid(message_.device()), "device", message_.device(),
                " is none of CPU, CUDA");
    out.device = message_.device() == proto::Cluster::CUDA ? DeviceKind::kCuda : DeviceKind::kCpu;
    out.memory = field_.positive(message_.memory(), "memory");
    out.hides = message_.has_hides() ? field_.between(message_.hides(), "hides", 0, 1) : out.hides;
    for (int i = 0; i < message_.links_size(); ++i) {
      read_link(message_.links(i), message_of("links[", i, "]"), out);
    }
    check_links(out);
    field_.that(message_.rates_size() > 0, "rates", "none where at least one was expected");
    for (int i = 0; i < message_.rates_size(); ++i) {
      read_rates(message_.rates(i), message_of("rates[", i, "]"), out);
    }
    out.rows = rows();
    return out;
  }

 private:
  void read_link(const proto::Link& in, const std::string& at, Cluster& out) const {
    field_.that(proto::Link::Class_IsValid(in.class_()), at + ".class", in.class_(),
                " is none of NODE, NETWORK");
    Link& link = out.links[static_cast<std::size_t>(in.class_())];
    field_.that(link.bandwidth == 0, at + ".class", "given twice");
    link.bandwidth = field_.positive(in.bandwidth(), at + ".bandwidth");
    link.latency = field_.not_negative(in.latency(), at + ".latency");
    link.all_to_all = curve(in.all_to_all(), at + ".all_to_all");
    link.gather = curve(in.gather(), at + ".gather");
  }

  std::vector<TransferPoint> curve(const TransferPoints& in, const std::string& at) const {
    std::vector<TransferPoint> out;
    for (int i = 0; i < in.size(); ++i) {
      const std::string point = message_of(at, "[", i, "]");
      out.push_back({field_.positive(in[i].bytes(), point + ".bytes"),
                     field_.positive(in[i].seconds(), point + ".seconds")});
      field_.that(i == 0 || out[out.size() - 2].bytes < out.back().bytes, point + ".bytes",
                  out.back().bytes, " where more than in the point before was expected");
    }
    return out;
  }

  void check_links(const Cluster& cluster) const {
    const auto wanted = [&](LinkClass link, const char* name, bool is_needed) {
      field_.that(!is_needed || cluster.link(link).bandwidth > 0, "links", "no ", name, " where ",
                  cluster.nodes, " nodes of ", cluster.ranks_per_node, " ranks have such links");
    };
    wanted(LinkClass::kNode, "NODE", cluster.ranks_per_node > 1);
    wanted(LinkClass::kNetwork, "NETWORK", cluster.nodes > 1);
  }

  void read_rates(const proto::ComputeRates& in, const std::string& at, Cluster& out) const {
    field_.that(proto::ComputeRates::Type_IsValid(in.dtype()), at + ".dtype", in.dtype(),
                " is none of FP32, BF16");
    ComputeRates& rates = in.dtype() == proto::ComputeRates::BF16 ? out.bf16 : out.fp32;
    field_.that(rates.peak == 0, at + ".dtype", "given twice");
    rates.peak = field_.positive(in.peak(), at + ".peak");
    rates.reached = in.has_reached() ? field_.between(in.reached(), at + ".reached", 1e-6, 1) : 1.0;
    rates.half_size = field_.not_negative(in.half_size(), at + ".half_size");
    rates.start = field_.not_negative(in.start(), at + ".start");
    read_products(in, at, rates);
    for (int i = 0; i < in.attention_size(); ++i) {
      const std::string point = message_of(at, ".attention[", i, "]");
      rates.attention.push_back({field_.whole(in.attention(i).length(), point + ".length", 1),
                                 field_.positive(in.attention(i).forward(), point + ".forward"),
                                 field_.positive(in.attention(i).backward(), point + ".backward")});
      field_.that(i == 0 || rates.attention[rates.attention.size() - 2].length <
                                rates.attention.back().length,
                  point + ".length", rates.attention.back().length,
                  " where more than in the point before was expected");
    }
  }

  void read_products(const proto::ComputeRates& in, const std::string& at,
                     ComputeRates& rates) const {
    std::array<std::vector<ProductPoint>, kProductKinds> points;
    for (int i = 0; i < in.products_size(); ++i) {
      const proto::ProductPoint& point = in.products(i);
      const std::string point_at = message_of(at, ".products[", i, "]");
      field_.that(proto::ProductPoint::Kind_IsValid(point.kind()), point_at + ".kind", point.kind(),
                  " is none of FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT");
      const auto size = [&](std::int64_t value, const char* name) {
        return static_cast<double>(field_.whole(value, point_at + name, 1));
      };
      points[static_cast<std::size_t>(point.kind())].push_back(
          {{size(point.m(), ".m"), size(point.k(), ".k"), size(point.n(), ".n")},
           field_.positive(point.rate(), point_at + ".rate")});
    }
    for (std::size_t kind = 0; kind < kProductKinds; ++kind) {
      field_.that(in.products().empty() || !points[kind].empty(), at + ".products",
                  "not all kinds are measured");
      naming(source_ + ": " + at, [&] {
        return rates.products[kind] = points[kind].empty() ? RateGrid() : RateGrid(points[kind]);
      });
    }
  }

  RowRates rows() const {
    const double bandwidth = field_.positive(message_.memory_bandwidth(), "memory_bandwidth");
    const auto rate = [&](double value, const char* name) {
      return value == 0 ? bandwidth : field_.positive(value, name);
    };
    const proto::RowRates& in = message_.rows();
    return {.copy = rate(in.copy(), "rows.copy"),
            .activation = rate(in.activation(), "rows.activation"),
            .loss = rate(in.loss(), "rows.loss"),
            .optimizer = rate(in.optimizer(), "rows.optimizer")};
  }

  const proto::Cluster& message_;
  std::string source_;
  FieldCheck field_;
};

void write_curve(const std::vector<TransferPoint>& curve, TransferPoints& out) {
  for (const TransferPoint& point : curve) {
    proto::TransferPoint& entry = *out.Add();
    entry.set_bytes(point.bytes);
    entry.set_seconds(point.seconds);
  }
}

void write_rates(const ComputeRates& rates, proto::ComputeRates::Type dtype, proto::Cluster& out) {
  if (rates.peak == 0) {
    return;
  }
  proto::ComputeRates& entry = *out.add_rates();
  entry.set_dtype(dtype);
  entry.set_peak(rates.peak);
  entry.set_reached(rates.reached);
  entry.set_half_size(rates.half_size);
  entry.set_start(rates.start);
  for (std::size_t kind = 0; kind < kProductKinds; ++kind) {
    for (const ProductPoint& point : rates.products[kind].points()) {
      proto::ProductPoint& product = *entry.add_products();
      product.set_kind(static_cast<proto::ProductPoint::Kind>(kind));
      product.set_m(static_cast<std::int64_t>(point.shape.m));
      product.set_k(static_cast<std::int64_t>(point.shape.k));
      product.set_n(static_cast<std::int64_t>(point.shape.n));
      product.set_rate(point.rate);
    }
  }
  for (const AttentionPoint& point : rates.attention) {
    proto::AttentionPoint& attention = *entry.add_attention();
    attention.set_length(point.length);
    attention.set_forward(point.forward);
    attention.set_backward(point.backward);
  }
}

}  // namespace

Cluster cluster_of(const proto::Cluster& message, const std::string& source) {
  return ClusterReader(message, source).read();
}

proto::Cluster message_of_cluster(const Cluster& cluster) {
  proto::Cluster out;
  out.set_name(cluster.name);
  out.set_nodes(cluster.nodes);
  out.set_ranks_per_node(cluster.ranks_per_node);
  out.set_device(cluster.device == DeviceKind::kCuda ? proto::Cluster::CUDA : proto::Cluster::CPU);
  out.set_memory(cluster.memory);
  out.set_memory_bandwidth(cluster.rows.copy);
  out.set_hides(cluster.hides);
  for (std::size_t link = 0; link < kLinkClasses; ++link) {
    if (cluster.links[link].bandwidth > 0) {
      proto::Link& entry = *out.add_links();
      entry.set_class_(static_cast<proto::Link::Class>(link));
      entry.set_bandwidth(cluster.links[link].bandwidth);
      entry.set_latency(cluster.links[link].latency);
      write_curve(cluster.links[link].all_to_all, *entry.mutable_all_to_all());
      write_curve(cluster.links[link].gather, *entry.mutable_gather());
    }
  }
  write_rates(cluster.fp32, proto::ComputeRates::FP32, out);
  write_rates(cluster.bf16, proto::ComputeRates::BF16, out);
  proto::RowRates& rows = *out.mutable_rows();
  rows.set_copy(cluster.rows.copy);
  rows.set_activation(cluster.rows.activation);
  rows.set_loss(cluster.rows.loss);
  rows.set_optimizer(cluster.rows.optimizer);
  return out;
}

}  // namespace bam
