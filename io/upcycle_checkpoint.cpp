#include "io/upcycle_checkpoint.h"

#include <algorithm>
#include <map>

#include "io/checkpoint_reader.h"
#include "io/field_check.h"
#include "model/upcycle.h"
#include "runtime/check.h"

namespace bam {
namespace {

using Parents = std::vector<CheckpointReader>;

/// The dense weight that a mixture's weight is made of.
ParameterSpec dense_spec_of(ParameterSpec spec) {
  spec.expert = ParameterSpec::kNone;
  spec.experts = 1;
  return spec;
}

Parents open_parents(const UpcycleRequest& request, const ModelConfig& mixture) {
  Parents parents;
  for (const std::filesystem::path& path : request.parents) {
    const CheckpointReader& parent = parents.emplace_back(path);
    validate_parent(mixture, parent.config().model, parent.path().string());
    check_input(parent.tokenizer() == parents.front().tokenizer(), parent.path().string(),
                ": its tokenizer is not that of ", parents.front().path().string());
  }
  return parents;
}

/// Tokens of each phase in the family, a phase that several share once.
void collect_tokens(const Lineage& node, std::map<std::string, std::int64_t>& by_manifest) {
  by_manifest[node.manifest_hash()] = node.tokens_phase();
  for (const Lineage& parent : node.parents()) {
    collect_tokens(parent, by_manifest);
  }
}

CheckpointInfo info_of(const UpcycleRequest& request, const Parents& parents) {
  CheckpointInfo info;
  info.made_by = "upcycle";
  const proto::RunConfig resolved = with_defaults(request.config);
  if (request.config.has_training()) {
    info.config = resolved;
  } else {
    *info.config.mutable_model() = resolved.model();
  }
  info.tokenizer = parents.front().tokenizer();
  std::map<std::string, std::int64_t> tokens;
  for (const CheckpointReader& parent : parents) {
    info.parents.push_back(parent.lineage());
    collect_tokens(info.parents.back(), tokens);
  }
  for (const auto& [manifest, count] : tokens) {
    info.tokens_cumulative += count;
  }
  return info;
}

/// Makes the mixture's tiles, one at a time.
class TileMaker {
 public:
  TileMaker(const Parents& parents, std::uint64_t seed) : parents_(parents), seed_(seed) {}

  /// Valid until the next call.
  std::span<const float> make(const ParameterSpec& spec, const Tile& tile) {
    values_.resize(static_cast<std::size_t>(tile.elements()));
    const Origin origin = origin_of(spec, static_cast<int>(parents_.size()));
    switch (origin.how) {
      case Origin::How::kCopy:
        read(spec, tile, parents_[static_cast<std::size_t>(origin.parent)]);
        break;
      case Origin::How::kAverage:
        average(spec, tile);
        break;
      case Origin::How::kRandom:
        draw(spec, tile);
        break;
    }
    return values_;
  }

 private:
  void read(const ParameterSpec& spec, const Tile& tile, const CheckpointReader& parent) {
    parent.read(StateKind::kWeight, dense_spec_of(spec), tile.begin, tile.end, values_);
  }

  void average(const ParameterSpec& spec, const Tile& tile) {
    sums_.assign(values_.size(), 0.0);
    for (const CheckpointReader& parent : parents_) {
      read(spec, tile, parent);
      for (std::size_t i = 0; i < sums_.size(); ++i) {
        sums_[i] += static_cast<double>(values_[i]);
      }
    }
    const auto count = static_cast<double>(parents_.size());
    std::ranges::transform(sums_, values_.begin(),
                           [&](double sum) { return static_cast<float>(sum / count); });
  }

  void draw(const ParameterSpec& spec, const Tile& tile) {
    const Tensor drawn = initial_values(stream_, spec, seed_, tile.begin, tile.end);
    std::ranges::copy(drawn.span<float>(), values_.begin());
  }

  const Parents& parents_;
  std::uint64_t seed_;
  Memory memory_;
  Stream stream_{memory_};
  std::vector<float> values_;
  std::vector<double> sums_;
};

}  // namespace

void upcycle_checkpoint(const UpcycleRequest& request) {
  const ModelConfig mixture = model_config_of(request.config.model(), request.config_name);
  if (request.config.has_training()) {
    run_config_of(request.config, request.config_name);
  }
  naming(request.config_name,
         [&] { validate_upcycle(mixture, static_cast<int>(request.parents.size())); });
  const Parents parents = open_parents(request, mixture);
  for (const CheckpointReader& parent : parents) {
    std::error_code differs;
    check_input(!std::filesystem::equivalent(parent.path().parent_path(), request.out, differs),
                request.out.string(), ": is a parent of the mixture");
  }
  check_may_write(request.out, request.replace);
  TileMaker maker(parents, request.seed);
  write_weights(
      request.out, info_of(request, parents), parameter_specs(mixture),
      [&maker](const ParameterSpec& spec, const Tile& tile) { return maker.make(spec, tile); });
}

}  // namespace bam
