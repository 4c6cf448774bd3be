#include "io/checkpoint_reader.h"

#include <algorithm>
#include <cstring>

#include "io/text_file.h"
#include "model/model_difference.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

/// The folder of the checkpoint that `path` names.
fs::path resolve(const fs::path& path) {
  if (is_file(path / kManifestFile)) {
    return path;
  }
  check_input(has_checkpoint(path), path.string(), ": is no checkpoint, and holds none");
  std::string name = read_file(path / kLatestFile);
  name.erase(name.find_last_not_of('\n') + 1);
  const bool is_step = name.starts_with("step-") && name.size() > 5 &&
                       name.find_first_not_of("0123456789", 5) == std::string::npos;
  check_input(is_step, (path / kLatestFile).string(), ": does not name a checkpoint");
  check_input(is_file(path / name / kManifestFile), (path / name).string(),
              ": is no checkpoint, though `latest` names it");
  return path / name;
}

/// A pipe in its place would be waited for.
fs::path data_file_of(const fs::path& checkpoint) {
  const fs::path path = checkpoint / kDataFile;
  check_input(is_file(path), path.string(), ": is missing, or no file");
  return path;
}

struct HashedManifest {
  proto::Manifest manifest;
  std::string hash;  // hexadecimal
};

HashedManifest read_manifest(const fs::path& path) {
  const std::string bytes = read_file(path);
  Hash128 stored{};
  check_input(bytes.size() >= stored.size(), path.string(), ": ", bytes.size(),
              " bytes are no manifest");
  const std::string_view body = std::string_view(bytes).substr(0, bytes.size() - stored.size());
  std::memcpy(stored.data(), bytes.data() + body.size(), stored.size());
  check_input(hash_of(body) == stored, path.string(), ": damaged (its hash differs)");
  HashedManifest out{{}, hex_of(stored)};
  check_input(out.manifest.ParseFromArray(body.data(), static_cast<int>(body.size())),
              path.string(), ": is no manifest");
  check_input(out.manifest.version() == kManifestVersion, path.string(), ": version ",
              out.manifest.version(), " where ", kManifestVersion, " was expected");
  return out;
}

RunConfig config_of(const proto::RunConfig& config, const std::string& source) {
  if (config.has_training()) {
    return run_config_of(config, source);
  }
  RunConfig model_alone;
  model_alone.model = model_config_of(config.model(), source);
  return model_alone;
}

}  // namespace

CheckpointReader::CheckpointReader(const fs::path& path)
    : path_(resolve(path)), data_(data_file_of(path_), OpenFile::Mode::kRead) {
  HashedManifest read = read_manifest(path_ / kManifestFile);
  manifest_ = std::move(read.manifest);
  manifest_hash_ = std::move(read.hash);
  check_step();
  config_ = config_of(manifest_.config(), (path_ / kManifestFile).string());
  check_tiles();
  specs_ = parameter_specs(config_.model);
  check_input(data_.size() == manifest_.file_bytes(), data_.path().string(), ": ", data_.size(),
              " bytes where ", manifest_.file_bytes(), " were expected");
  check_data_sets();
  const Hash128 outside =
      hash_outside(data_.descriptor(), data_.path(), manifest_, manifest_.file_bytes());
  const std::string& stored = manifest_.outside_hash();
  check_input(stored.size() == outside.size() &&
                  std::memcmp(stored.data(), outside.data(), outside.size()) == 0,
              data_.path().string(), ": damaged outside its tensors");
}

// A folder may be called anything, but not another step's.
void CheckpointReader::check_step() const {
  const std::string name = fs::absolute(path_).lexically_normal().filename().string();
  const bool is_number =
      name.size() > 5 && name.find_first_not_of("0123456789", 5) == std::string::npos;
  check_input(!name.starts_with("step-") || !is_number || name == step_folder(step()),
              path_.string(), ": holds the checkpoint of step ", step());
}

// Before the weights are listed: every one of them has a tile.
void CheckpointReader::check_tiles() const {
  std::int64_t tiles = 0;
  for (const proto::DataSet& data_set : manifest_.data_sets()) {
    tiles += std::ssize(data_set.tile_hashes()) / std::ssize(Hash128{});
  }
  const ModelConfig& model = config_.model;
  const std::int64_t least =
      std::int64_t{model.n_layers} * std::max(model.attention_experts(), model.ffn_experts());
  check_input(tiles >= least, path_.string(), ": hashes of ", tiles,
              " tiles where the model has at least ", least);
}

void CheckpointReader::check_data_sets() {
  for (const proto::DataSet& data_set : manifest_.data_sets()) {
    check_input(data_sets_.emplace(data_set.path(), &data_set).second, path_.string(), ": ",
                data_set.path(), " is listed twice");
  }
  std::size_t known = 0;
  for (const ParameterSpec& spec : stored_tensors(specs_)) {
    check_input(has(StateKind::kWeight, spec), path_.string(), ": ", spec.tensor, " is missing");
    for (const StateKind kind : kStateKinds) {
      if (has(kind, spec)) {
        check_data_set(data_set_of(kind, spec), spec);
        ++known;
      }
    }
  }
  check_input(known == data_sets_.size(), path_.string(), ": holds ", data_sets_.size() - known,
              " data sets that its model does not have");
}

void CheckpointReader::check_data_set(const proto::DataSet& data_set,
                                      const ParameterSpec& spec) const {
  const std::int64_t tiles = tiles_of_weight(spec) * (spec.is_expert() ? spec.experts : 1);
  check_input(static_cast<std::int64_t>(data_set.tile_hashes().size()) ==
                  tiles * std::ssize(Hash128{}),
              path_.string(), ": ", data_set.path(), ": hashes of ",
              data_set.tile_hashes().size() / Hash128{}.size(), " tiles where ", tiles,
              " were expected");
  check_input(data_set.offset() >= 0 && data_set.offset() <= manifest_.file_bytes(), path_.string(),
              ": ", data_set.path(), ": offset ", data_set.offset());
}

bool CheckpointReader::has(StateKind kind, const ParameterSpec& spec) const {
  return data_sets_.contains(data_set_path(kind, spec.tensor));
}

const proto::DataSet& CheckpointReader::data_set_of(StateKind kind,
                                                    const ParameterSpec& spec) const {
  const std::string path = data_set_path(kind, spec.tensor);
  const auto found = data_sets_.find(path);
  check_input(found != data_sets_.end(), path_.string(), ": has no ", path);
  const Shape shape(found->second->shape().begin(), found->second->shape().end());
  check_input(shape == spec.stacked_shape(), path_.string(), ": ", path, ": shape ",
              text_of(shape), " where ", text_of(spec.stacked_shape()), " was expected");
  return *found->second;
}

void CheckpointReader::read(StateKind kind, const ParameterSpec& spec, std::int64_t begin,
                            std::int64_t end, std::span<float> out) const {
  check(0 <= begin && begin <= end && end <= spec.elements() && std::ssize(out) == end - begin,
        spec.name(), ": elements [", begin, ", ", end, ") into ", out.size());
  const proto::DataSet& data_set = data_set_of(kind, spec);
  std::vector<float> whole;
  for (std::int64_t tile = begin / kTileElements * kTileElements; tile < end;
       tile += kTileElements) {
    const std::int64_t tile_end = std::min(tile + kTileElements, spec.elements());
    const std::int64_t from = std::max(tile, begin);
    const auto wanted = static_cast<std::size_t>(std::min(tile_end, end) - from);
    const std::span<float> target = out.subspan(static_cast<std::size_t>(from - begin), wanted);
    if (std::ssize(target) == tile_end - tile) {
      read_tile(data_set, spec, tile, target);
      continue;
    }
    whole.resize(static_cast<std::size_t>(tile_end - tile));
    read_tile(data_set, spec, tile, whole);
    std::ranges::copy_n(whole.begin() + (from - tile), std::ssize(target), target.begin());
  }
}

std::int64_t CheckpointReader::offset_of(StateKind kind, const ParameterSpec& spec,
                                         std::int64_t begin) const {
  return data_set_of(kind, spec).offset() +
         (spec.first_element() + begin) * static_cast<std::int64_t>(sizeof(float));
}

void CheckpointReader::read_tile(const proto::DataSet& data_set, const ParameterSpec& spec,
                                 std::int64_t begin, std::span<float> out) const {
  const auto element_bytes = static_cast<std::int64_t>(sizeof(float));
  const auto bytes = std::as_writable_bytes(out);
  read_at(data_.descriptor(), data_.path(),
          data_set.offset() + (spec.first_element() + begin) * element_bytes, bytes);
  const std::int64_t tile = tile_index(spec, begin);
  const Hash128 hash = hash_of(bytes);
  const char* stored = data_set.tile_hashes().data() + tile * std::ssize(hash);
  check_input(std::memcmp(stored, hash.data(), hash.size()) == 0, data_.path().string(), ": ",
              data_set.path(), ": tile ", tile, " is damaged (its hash differs)");
}

std::int64_t CheckpointReader::verify(std::span<const StateKind> kinds, int part,
                                      int parts) const {
  std::vector<float> values(static_cast<std::size_t>(kTileElements));
  const std::vector<Tile> all = tiles_of(specs_);
  std::int64_t tiles = 0;
  for (const StateKind kind : kinds) {
    for (auto i = static_cast<std::size_t>(part); i < all.size();
         i += static_cast<std::size_t>(parts)) {
      const ParameterSpec& spec = specs_[static_cast<std::size_t>(all[i].spec)];
      if (has(kind, spec)) {
        read(kind, spec, all[i].begin, all[i].end,
             std::span(values).first(static_cast<std::size_t>(all[i].elements())));
        ++tiles;
      }
    }
  }
  return tiles;
}

std::vector<Lineage> CheckpointReader::parents() const {
  return {manifest_.parents().begin(), manifest_.parents().end()};
}

Lineage CheckpointReader::lineage() const {
  Lineage node;
  const bool is_upcycled = step() == 0 && manifest_.parents_size() > 1;
  const char* likely = is_upcycled ? "upcycle" : "train";
  node.set_made_by(manifest_.made_by().empty() ? likely : manifest_.made_by());
  node.set_run(fs::absolute(path_).lexically_normal().parent_path().filename().string());
  node.set_step(step());
  node.set_tokens_phase(tokens_phase());
  node.set_manifest_hash(manifest_hash_);
  *node.mutable_parents() = manifest_.parents();
  return node;
}

void check_same_model(const ModelConfig& checkpoint, const ModelConfig& wanted,
                      const fs::path& path) {
  const std::string difference = difference_of(checkpoint, wanted);
  check_input(difference.empty(), path.string(), ": its model differs in ", difference);
}

}  // namespace bam
