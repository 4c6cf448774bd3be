#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/checkpoint_format.h"
#include "io/open_file.h"
#include "io/retention.h"
#include "model/parameters.h"

namespace bam {

/// What a checkpoint says beside its weights; see proto/manifest.proto.
struct CheckpointInfo {
  std::int64_t step = 0;
  std::int64_t tokens_phase = 0;
  std::int64_t tokens_cumulative = 0;
  proto::RunConfig config;  // every default written out
  std::string tokenizer;    // the SentencePiece model's bytes
  std::vector<Lineage> parents;
  double seconds = 0;
  double flops = 0;
  std::string made_by = "train";
  std::optional<proto::Placement> placement = {};
  std::vector<proto::ExpertLoads> loads = {};
  std::vector<std::string> data_hashes = {};  // of the config's token data, in their order
  proto::GuardState guard = {};
};

/// One tile's hash on its way to the rank that writes the manifest.
struct TileHash {
  std::int64_t data_set = 0;  // index into the layout's
  std::int64_t tile = 0;
  Hash128 hash{};
};
/// Hashes as the bytes that commit_draft takes.
std::string bytes_of(std::span<const TileHash> hashes);

/// The tile writer of one rank: writes tiles into data.h5 and remembers their hashes.
class TileWriter {
 public:
  /// `layout` lists the data sets of the file, as begin_draft returned it.
  TileWriter(const std::filesystem::path& data_file, const proto::Manifest& layout);

  /// Writes one tile, from element `begin` of the weight. Throws Error (disk full and the like).
  void write(StateKind kind, const ParameterSpec& spec, std::int64_t begin,
             std::span<const float> values);
  /// Makes all tiles last; then their hashes, as bytes for commit_draft.
  std::string finish();

 private:
  std::map<std::string, int> index_of_;  // data set by path
  std::vector<std::int64_t> offsets_;    // bytes
  OpenFile file_;
  std::vector<TileHash> hashes_;
};

/// Says which states of a weight are stored.
using IsStored = std::function<bool(StateKind, const ParameterSpec&)>;

/// The temporary folder that a checkpoint of `step` in `folder` is written in.
std::filesystem::path draft_folder(const std::filesystem::path& folder, std::int64_t step);

/// One rank makes the temporary folder and data.h5 with all data sets, unfilled; returns their
/// layout. Throws Error where the disk has too little space.
proto::Manifest begin_draft(const std::filesystem::path& folder, std::int64_t step,
                            const std::vector<ParameterSpec>& specs, const IsStored& is_stored);

/// The same rank, once every rank has finished writing: adds the hashes, writes the manifest, gives
/// the folder its name, points `latest` at it and removes what `retention` does not keep. Throws
/// Error where a tile was written by no rank or by two.
void commit_draft(const std::filesystem::path& folder, proto::Manifest layout,
                  const CheckpointInfo& info, const std::vector<std::string>& hashes_of_ranks,
                  const Retention& retention);

/// Removes an unfinished draft; never throws.
void drop_draft(const std::filesystem::path& folder, std::int64_t step) noexcept;

/// Removes what processes that died while writing have left in a run folder; never throws.
void drop_drafts(const std::filesystem::path& folder) noexcept;

/// Throws Error unless the folder's disk has room for a checkpoint of that layout.
void check_space(const std::filesystem::path& folder, const proto::Manifest& layout);

}  // namespace bam
