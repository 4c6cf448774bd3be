#include "io/plan_file.h"

#include <algorithm>

#include "io/field_check.h"
#include "io/placement_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

using RankList = google::protobuf::RepeatedField<std::int64_t>;
using ReplicaList = google::protobuf::RepeatedPtrField<proto::Replicas>;

constexpr std::int64_t kMostRanks = 1 << 20;
constexpr std::int64_t kMostSlots = std::int64_t{1} << 30;

// The schema's enumerations have the library's order.
static_assert(static_cast<int>(Proof::kSearch) == proto::PlacementCertificate::SEARCH);
static_assert(static_cast<int>(Proof::kMeanSearch) == proto::PlacementCertificate::SEARCH_OF_MEAN);
static_assert(static_cast<int>(Proof::kNodes) == proto::PlacementCertificate::NODES);
static_assert(static_cast<int>(Binding::kNodeLimit) == proto::PlacementCertificate::NODE_LIMIT);
static_assert(static_cast<int>(Binding::kMoves) == proto::PlacementCertificate::MOVES);

bool are_equal(const std::vector<Replica>& replicas) {
  return std::all_of(replicas.begin(), replicas.end(), [&](const Replica& replica) {
    return replica.share == replicas.front().share;
  });
}

void write_expert(int expert, const std::vector<Replica>& replicas, RankList& ranks,
                  ReplicaList& more) {
  ranks.Add(replicas.front().rank);
  if (replicas.size() == 1) {
    return;
  }
  proto::Replicas& entry = *more.Add();
  entry.set_expert(expert);
  for (const Replica& replica : replicas) {
    entry.add_ranks(replica.rank);
    if (!are_equal(replicas)) {
      entry.add_shares(replica.share);
    }
  }
}

proto::LayerPlacement message_of_layer(const LayerPlan& plan, const LayerLoads& loads,
                                       int attention) {
  proto::LayerPlacement out;
  for (int e = 0; e < static_cast<int>(plan.experts.size()); ++e) {
    const auto& replicas = plan.experts[static_cast<std::size_t>(e)];
    if (e < attention) {
      write_expert(e, replicas, *out.mutable_attention(), *out.mutable_attention_replicas());
    } else {
      write_expert(e - attention, replicas, *out.mutable_ffn(), *out.mutable_ffn_replicas());
    }
  }
  proto::PlacementCertificate& certificate = *out.mutable_certificate();
  certificate.set_worst(plan.certificate.worst);
  certificate.set_bound(plan.certificate.bound);
  certificate.set_binding(
      static_cast<proto::PlacementCertificate::Binding>(plan.certificate.binding));
  certificate.set_proof(static_cast<proto::PlacementCertificate::Proof>(plan.certificate.proof));
  for (const LoadWindow& window : loads) {
    proto::ExpertLoads& entry = *out.add_loads();
    entry.mutable_attention()->Add(window.attention.begin(), window.attention.end());
    entry.mutable_ffn()->Add(window.ffn.begin(), window.ffn.end());
  }
  return out;
}

proto::PlanTerms message_of_terms(const PlanTerms& terms) {
  proto::PlanTerms out;
  out.set_nodes(terms.nodes);
  out.set_slots(terms.slots);
  const auto& first = terms.ranks.front();
  const auto is_like_first = [&](const RankRoom& rank) { return rank.slots == first.slots; };
  const bool alike = std::all_of(terms.ranks.begin(), terms.ranks.end(), is_like_first);
  for (const RankRoom& rank : terms.ranks) {
    if (!alike || out.rank_slots().empty()) {
      out.add_rank_slots(rank.slots);
    }
  }
  if (std::any_of(terms.ranks.begin(), terms.ranks.end(),
                  [](const RankRoom& rank) { return rank.speed != 1; })) {
    for (const RankRoom& rank : terms.ranks) {
      out.add_speeds(rank.speed);
    }
  }
  out.set_group(terms.group);
  out.set_shares(terms.shares == SharePolicy::kFree ? proto::PlanTerms::FREE
                                                    : proto::PlanTerms::EQUAL);
  out.set_attention_cost(terms.costs.attention);
  out.set_ffn_cost(terms.costs.ffn);
  out.set_seed(terms.seed);
  return out;
}

/// Reads one plan's message field by field.
class PlanReader {
 public:
  PlanReader(const proto::Placement& message, const std::string& source)
      : message_(message), field_(source) {}

  ModelPlan read() const {
    field_.that(message_.has_terms(), "terms", "missing: not a plan of `bam plan place`");
    ModelPlan plan{terms(), {}, {}};
    field_.that(message_.layers_size() > 0, "layers", "none where at least one was expected");
    for (int l = 0; l < message_.layers_size(); ++l) {
      const proto::LayerPlacement& layer = message_.layers(l);
      const std::string at = message_of("layers[", l, "]");
      plan.loads.push_back(loads(layer, at));
      plan.layers.push_back(placed(layer, at));
    }
    return plan;
  }

 private:
  PlanTerms terms() const {
    const proto::PlanTerms& in = message_.terms();
    PlanTerms out;
    const int ranks = field_.whole<int>(message_.ranks(), "ranks", 1, kMostRanks);
    out.nodes = field_.whole<int>(in.nodes(), "terms.nodes", 1, ranks);
    out.slots = field_.whole<int>(in.slots(), "terms.slots", 1, kMostSlots);
    out.group = field_.whole<int>(in.group(), "terms.group", 0, kMostSlots);
    field_.that(in.rank_slots_size() == 1 || in.rank_slots_size() == ranks, "terms.rank_slots",
                in.rank_slots_size(), " entries where 1 or ", ranks, " were expected");
    field_.that(in.speeds().empty() || in.speeds_size() == ranks, "terms.speeds", in.speeds_size(),
                " entries where ", ranks, " were expected");
    for (int r = 0; r < ranks; ++r) {
      const int slots = in.rank_slots_size() == 1 ? 0 : r;
      out.ranks.push_back(
          {field_.whole<int>(in.rank_slots(slots), message_of("terms.rank_slots[", slots, "]"), 1,
                             kMostSlots),
           in.speeds().empty()
               ? 1.0
               : field_.positive(in.speeds(r), message_of("terms.speeds[", r, "]"))});
    }
    field_.that(proto::PlanTerms::Shares_IsValid(in.shares()), "terms.shares", in.shares(),
                " is none of EQUAL, FREE");
    out.shares = in.shares() == proto::PlanTerms::FREE ? SharePolicy::kFree : SharePolicy::kEqual;
    out.costs = {field_.positive(in.attention_cost(), "terms.attention_cost"),
                 field_.positive(in.ffn_cost(), "terms.ffn_cost")};
    out.seed = in.seed();
    return out;
  }

  LayerLoads loads(const proto::LayerPlacement& layer, const std::string& at) const {
    field_.that(!layer.loads().empty(), at + ".loads", "none where at least one was expected");
    LayerLoads out;
    for (int w = 0; w < layer.loads_size(); ++w) {
      const std::string window_at = message_of(at, ".loads[", w, "]");
      out.push_back({numbers(layer.loads(w).attention(), window_at + ".attention"),
                     numbers(layer.loads(w).ffn(), window_at + ".ffn")});
      field_.that(layer.loads(w).attention_size() == layer.attention_size() &&
                      layer.loads(w).ffn_size() == layer.ffn_size(),
                  window_at, "loads of ", layer.loads(w).attention_size(), " and ",
                  layer.loads(w).ffn_size(), " experts where the layer has ",
                  layer.attention_size(), " and ", layer.ffn_size());
    }
    return out;
  }

  std::vector<double> numbers(const google::protobuf::RepeatedField<double>& in,
                              const std::string& at) const {
    std::vector<double> out;
    for (const double load : in) {
      out.push_back(field_.not_negative(load, at));
    }
    return out;
  }

  LayerPlan placed(const proto::LayerPlacement& layer, const std::string& at) const {
    field_.that(layer.attention_size() == message_.layers(0).attention_size() &&
                    layer.ffn_size() == message_.layers(0).ffn_size(),
                at, "other experts than layers[0]");
    LayerPlan out;
    add_family(layer.attention(), layer.attention_replicas(), at + ".attention", out);
    add_family(layer.ffn(), layer.ffn_replicas(), at + ".ffn", out);
    const proto::PlacementCertificate& in = layer.certificate();
    const std::string certificate = at + ".certificate";
    field_.that(proto::PlacementCertificate::Binding_IsValid(in.binding()) &&
                    proto::PlacementCertificate::Proof_IsValid(in.proof()),
                certificate, "an unknown binding or proof");
    out.certificate = {.worst = field_.not_negative(in.worst(), certificate + ".worst"),
                       .bound = field_.not_negative(in.bound(), certificate + ".bound"),
                       .proof = static_cast<Proof>(in.proof()),
                       .binding = static_cast<Binding>(in.binding())};
    return out;
  }

  void add_family(const RankList& ranks, const ReplicaList& more, const std::string& at,
                  LayerPlan& out) const {
    const std::size_t first = out.experts.size();
    for (int e = 0; e < ranks.size(); ++e) {
      out.experts.push_back({{rank(ranks[e], message_of(at, "[", e, "]")), 1.0}});
    }
    for (int i = 0; i < more.size(); ++i) {
      const std::string entry_at = message_of(at, "_replicas[", i, "]");
      const auto expert =
          field_.whole<std::size_t>(more[i].expert(), entry_at + ".expert", 0, ranks.size() - 1);
      auto& replicas = out.experts[first + expert];
      field_.that(replicas.size() == 1, entry_at + ".expert", expert, " is given twice");
      replicas = replicas_of(more[i], entry_at);
      field_.that(replicas.front().rank == ranks[static_cast<int>(expert)], entry_at + ".ranks[0]",
                  replicas.front().rank, " where ", at, "[", expert, "] is ",
                  ranks[static_cast<int>(expert)]);
    }
  }

  std::vector<Replica> replicas_of(const proto::Replicas& in, const std::string& at) const {
    field_.that(in.ranks_size() > 1, at + ".ranks", in.ranks_size(),
                " entries where at least 2 were expected");
    field_.that(in.shares().empty() || in.shares_size() == in.ranks_size(), at + ".shares",
                in.shares_size(), " entries where ", in.ranks_size(), " were expected");
    std::vector<Replica> out;
    for (int i = 0; i < in.ranks_size(); ++i) {
      const double share = in.shares().empty() ? 1.0 / in.ranks_size() : in.shares(i);
      out.push_back({rank(in.ranks(i), message_of(at, ".ranks[", i, "]")),
                     field_.between(share, message_of(at, ".shares[", i, "]"), 0, 1)});
    }
    return out;
  }

  int rank(std::int64_t value, const std::string& at) const {
    return field_.whole<int>(value, at, 0, message_.ranks() - 1);
  }

  const proto::Placement& message_;
  FieldCheck field_;
};

}  // namespace

proto::Placement message_of_plan(const ModelPlan& plan) {
  proto::Placement message;
  message.set_ranks(static_cast<std::int64_t>(plan.terms.ranks.size()));
  for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
    *message.add_layers() =
        message_of_layer(plan.layers[layer], plan.loads[layer], plan.attention_experts());
  }
  *message.mutable_terms() = message_of_terms(plan.terms);
  return message;
}

ModelPlan plan_of_message(const proto::Placement& message, const std::string& source) {
  return PlanReader(message, source).read();
}

ModelPlan read_plan(const std::filesystem::path& path) {
  const NamedPlacement read = read_placement_message(path);
  return plan_of_message(read.message, read.source);
}

}  // namespace bam
