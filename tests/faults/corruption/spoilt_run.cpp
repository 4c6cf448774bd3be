#include "tests/faults/corruption/spoilt_run.h"

#include <algorithm>

#include "io/checkpoint_reader.h"
#include "runtime/check.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

/// A mixture whose embedding has more than one tile.
bool make_run(const fs::path& run) {
  CheckpointInfo info{.step = 2,
                      .tokens_phase = 32,
                      .tokens_cumulative = 132,
                      .config = tiny_run_config(kTinyMixture),
                      .tokenizer = "a tokenizer",
                      .parents = {}};
  info.config.mutable_model()->set_vocabulary(40'000);
  info.config.mutable_model()->set_tied_embeddings(true);
  write_filled(run, info, 0.25);
  info.step = 3;
  info.tokens_phase = 48;
  info.tokens_cumulative = 148;
  write_filled(run, info, 0.5);
  return true;
}

std::vector<TilePlace> places_of(const CheckpointReader& checkpoint) {
  constexpr auto kElementBytes = static_cast<std::int64_t>(sizeof(float));
  std::vector<TilePlace> places;
  for (const Tile& tile : tiles_of(checkpoint.specs())) {
    const ParameterSpec& spec = checkpoint.specs()[static_cast<std::size_t>(tile.spec)];
    for (const proto::DataSet& data_set : checkpoint.data_sets()) {
      const bool is_of_it = std::ranges::any_of(kStateKinds, [&](StateKind kind) {
        return data_set_path(kind, spec.tensor) == data_set.path();
      });
      if (is_of_it) {
        const std::int64_t first = data_set.offset() + spec.first_element() * kElementBytes;
        places.push_back({data_set.path(), tile_index(spec, tile.begin),
                          first + tile.begin * kElementBytes, first + tile.end * kElementBytes});
      }
    }
  }
  std::ranges::sort(places, {}, &TilePlace::begin);
  return places;
}

std::vector<std::int64_t> gaps_between(const std::vector<TilePlace>& tiles, std::int64_t size) {
  std::vector<std::int64_t> offsets;
  std::int64_t at = 0;
  for (const TilePlace& tile : tiles) {
    check(at <= tile.begin, tile.name(), " overlaps the one before");
    for (; at < tile.begin; ++at) {
      offsets.push_back(at);
    }
    at = tile.end;
  }
  for (; at < size; ++at) {
    offsets.push_back(at);
  }
  return offsets;
}

}  // namespace

std::string TilePlace::name() const { return message_of(data_set, ": tile ", tile, " "); }

SpoiltRun::SpoiltRun()
    : is_made_(make_run(path())),
      data_(newer() / kDataFile),
      manifest_(newer() / kManifestFile),
      latest_(path() / kLatestFile),
      older_data_(older() / kDataFile),
      older_manifest_(older() / kManifestFile),
      tiles_(places_of(CheckpointReader(newer()))),
      outside_(gaps_between(tiles_, data_.size())) {}

void SpoiltRun::restore() const {
  for (const SpoiltFile* file : {&data_, &manifest_, &latest_, &older_data_, &older_manifest_}) {
    file->restore();
  }
}

}  // namespace bam
