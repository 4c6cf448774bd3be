#include "io/placement_file.h"

#include <algorithm>

#include "io/checkpoint_reader.h"
#include "io/field_check.h"
#include "io/text_file.h"
#include "io/text_proto.h"

namespace bam {
namespace {

using RankList = google::protobuf::RepeatedField<std::int64_t>;
using ReplicaList = google::protobuf::RepeatedPtrField<proto::Replicas>;

Replicas replicas_of(const proto::Replicas& in, const std::string& at, int ranks,
                     const FieldCheck& field) {
  field.that(in.ranks_size() > 1, at + ".ranks", in.ranks_size(),
             " entries where at least 2 were expected");
  field.that(in.shares().empty() || in.shares_size() == in.ranks_size(), at + ".shares",
             in.shares_size(), " entries where ", in.ranks_size(), " were expected");
  Replicas out;
  for (int i = 0; i < in.ranks_size(); ++i) {
    const double share = in.shares().empty() ? 1.0 / in.ranks_size() : in.shares(i);
    out.push_back({field.whole<int>(in.ranks(i), message_of(at, ".ranks[", i, "]"), 0, ranks - 1),
                   field.between(share, message_of(at, ".shares[", i, "]"), 0, 1)});
  }
  return out;
}

std::vector<Replicas> experts_of(const RankList& first, const ReplicaList& more,
                                 const std::string& at, int ranks, const FieldCheck& field) {
  std::vector<Replicas> out;
  for (int e = 0; e < first.size(); ++e) {
    out.push_back({{field.whole<int>(first[e], message_of(at, "[", e, "]"), 0, ranks - 1)}});
  }
  for (int i = 0; i < more.size(); ++i) {
    const std::string entry = message_of(at, "_replicas[", i, "]");
    const auto expert = field.whole<int>(more[i].expert(), entry + ".expert", 0, first.size() - 1);
    Replicas& replicas = out[static_cast<std::size_t>(expert)];
    field.that(replicas.size() == 1, entry + ".expert", expert, " is given twice");
    replicas = replicas_of(more[i], entry, ranks, field);
    field.that(replicas.front().rank == first[expert], entry + ".ranks[0]", replicas.front().rank,
               " where ", at, "[", expert, "] is ", first[expert]);
  }
  return out;
}

void write_experts(const std::vector<Replicas>& experts, RankList& first, ReplicaList& more) {
  for (std::size_t e = 0; e < experts.size(); ++e) {
    first.Add(experts[e].front().rank);
    if (experts[e].size() == 1) {
      continue;
    }
    proto::Replicas& entry = *more.Add();
    entry.set_expert(static_cast<std::int64_t>(e));
    for (const Replica& replica : experts[e]) {
      entry.add_ranks(replica.rank);
      entry.add_shares(replica.share);
    }
  }
}

}  // namespace

NamedPlacement read_placement_message(const std::filesystem::path& path) {
  NamedPlacement placement;
  if (!is_folder(path)) {
    placement.source = path.string();
    read_text_proto(path, placement.message);
    return placement;
  }
  const CheckpointReader checkpoint(path);
  check_input(checkpoint.placement() != nullptr, checkpoint.path().string(),
              ": does not say where its experts are");
  return {*checkpoint.placement(), checkpoint.path().string() + ": placement"};
}

Placement read_placement(const std::filesystem::path& path, const ModelConfig& config, int ranks) {
  const NamedPlacement read = read_placement_message(path);
  return placement_of(read.message, config, ranks, read.source);
}

Placement placement_of(const proto::Placement& message, const ModelConfig& config, int ranks,
                       const std::string& source) {
  const FieldCheck field(source);
  field.that(message.ranks() == ranks, "ranks", message.ranks(),
             " where the expert-parallel group has ", ranks);
  field.that(message.layers_size() == 1 || message.layers_size() == config.n_layers, "layers",
             message.layers_size(), " entries where 1 or ", config.n_layers, " were expected");
  Placement out{ranks, {}};
  for (int l = 0; l < config.n_layers; ++l) {
    const int entry = message.layers_size() == 1 ? 0 : l;
    const proto::LayerPlacement& in = message.layers(entry);
    const std::string at = message_of("layers[", entry, "]");
    out.layers.push_back(
        {experts_of(in.attention(), in.attention_replicas(), at + ".attention", ranks, field),
         experts_of(in.ffn(), in.ffn_replicas(), at + ".ffn", ranks, field)});
  }
  naming(source, [&] { validate(out, config); });
  return out;
}

proto::Placement message_of_placement(const Placement& placement) {
  proto::Placement message;
  message.set_ranks(placement.ranks);
  for (const LayerPlacement& layer : placement.layers) {
    proto::LayerPlacement& out = *message.add_layers();
    write_experts(layer.attention, *out.mutable_attention(), *out.mutable_attention_replicas());
    write_experts(layer.ffn, *out.mutable_ffn(), *out.mutable_ffn_replicas());
  }
  return message;
}

}  // namespace bam
