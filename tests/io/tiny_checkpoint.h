#pragma once

#include <cmath>
#include <vector>

#include "io/checkpoint_writer.h"
#include "io/run_config.h"
#include "io/text_proto.h"

namespace bam {

/// A valid run config of a tiny dense model, or of a mixture of it.
inline proto::RunConfig tiny_run_config(const std::string& mixture = "") {
  proto::RunConfig config;
  parse_text_proto(R"(
      model { vocabulary: 11 d_model: 8 n_layers: 2 n_heads: 2 n_kv_heads: 1 ffn_hidden: 6 )" +
                       mixture + R"( }
      data { domains { name: "code" path: "code.h5" } sequence_length: 4 }
      training { steps: 10 sequences_per_step: 4 }
      optimizer { learning_rate: 0.001 })",
                   "tiny", config);
  return with_defaults(config);
}

inline constexpr const char* kTinyMixture =
    "mixture { attention { experts: 2 } ffn { experts: 3 top_k: 2 } }";

/// Every element of a stored state has its own value, a function of salt, kind, tensor and place.
inline float stored_value(double salt, StateKind kind, const ParameterSpec& spec, std::int64_t i) {
  double tensor = 0;
  for (const char c : spec.tensor) {
    tensor = std::fmod(tensor * 31 + c, 1009);
  }
  const auto place = static_cast<double>(spec.first_element() + i);
  return static_cast<float>(salt + static_cast<double>(kind) * 7 + tensor / 1009 + std::sin(place));
}

/// Tiles of all weights and moments with stored_value, owned by one rank.
class FilledTiles {
 public:
  FilledTiles(const std::vector<ParameterSpec>& specs, double salt) {
    for (const Tile& tile : tiles_of(specs)) {
      const ParameterSpec& spec = specs[static_cast<std::size_t>(tile.spec)];
      tiles_.push_back({tile, fill(spec, tile, salt, StateKind::kWeight),
                        fill(spec, tile, salt, StateKind::kFirstMoment),
                        fill(spec, tile, salt, StateKind::kSecondMoment)});
    }
  }
  std::vector<OwnedTile>& tiles() { return tiles_; }

 private:
  std::span<float> fill(const ParameterSpec& spec, const Tile& tile, double salt,
                              StateKind kind) {
    std::vector<float>& out = values_.emplace_back();
    for (std::int64_t i = tile.begin; i < tile.end; ++i) {
      out.push_back(stored_value(salt, kind, spec, i));
    }
    return out;
  }

  std::vector<std::vector<float>> values_;
  std::vector<OwnedTile> tiles_;
};

/// A process on its own.
class NoPeers final : public CheckpointPeers {
 public:
  int rank() const override { return 0; }
  std::string broadcast(std::string bytes) override { return bytes; }
  std::vector<std::string> gather(std::string bytes) override { return {std::move(bytes)}; }
};

/// Writes step `info.step` of a run in `folder`, filled with stored_value.
inline void write_filled(const std::filesystem::path& folder, const CheckpointInfo& info,
                         double salt = 0, const Retention& retention = {}) {
  const auto specs = parameter_specs(run_config_of(info.config, "tiny").model);
  FilledTiles filled(specs, salt);
  NoPeers alone;
  write_checkpoint(alone, folder, info, specs, filled.tiles(), retention);
}

}  // namespace bam
