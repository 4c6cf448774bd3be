#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/checkpoint_format.h"
#include "io/open_file.h"
#include "io/run_config.h"

namespace bam {

/// A finished checkpoint, read without HDF5 and never trusted: what is read is compared with the
/// manifest's hashes. Several threads may read at once.
class CheckpointReader {
 public:
  /// `path` is a checkpoint (`step-N`) or a folder whose file `latest` names one. Checks the
  /// manifest, the sizes, and the bytes outside all tiles. Throws BadInput naming what is wrong.
  explicit CheckpointReader(const std::filesystem::path& path);

  /// Elements [begin, end) of one weight or of a moment of it; `out` has as many. Throws BadInput
  /// naming tensor and tile where a byte differs, or where the tensor is not stored in that shape.
  void read(StateKind kind, const ParameterSpec& spec, std::int64_t begin, std::int64_t end,
            std::span<float> out) const;
  /// Whether that state of the weight is stored.
  bool has(StateKind kind, const ParameterSpec& spec) const;
  /// Where that state of the weight's element `begin` lies in data.h5, in bytes.
  std::int64_t offset_of(StateKind kind, const ParameterSpec& spec, std::int64_t begin) const;
  /// Reads and checks every tile of these kinds, or of `parts` equal parts of them one; throws
  /// BadInput at the first that differs. Returns tiles read.
  std::int64_t verify(std::span<const StateKind> kinds = kStateKinds, int part = 0,
                      int parts = 1) const;

  /// The checkpoint's own folder.
  const std::filesystem::path& path() const { return path_; }
  /// The run's config; of a checkpoint made without one (upcycled) only `model` is set.
  const RunConfig& config() const { return config_; }
  const proto::RunConfig& config_text() const { return manifest_.config(); }
  const std::vector<ParameterSpec>& specs() const { return specs_; }
  /// The SentencePiece model's bytes.
  const std::string& tokenizer() const { return manifest_.tokenizer(); }
  std::int64_t step() const { return manifest_.step(); }
  std::int64_t tokens_phase() const { return manifest_.tokens_phase(); }
  std::int64_t tokens_cumulative() const { return manifest_.tokens_cumulative(); }
  double seconds() const { return manifest_.seconds(); }
  double flops() const { return manifest_.flops(); }
  const proto::GuardState& guard() const { return manifest_.guard(); }
  std::int64_t file_bytes() const { return manifest_.file_bytes(); }
  /// Every data set of data.h5, as the manifest has it.
  const auto& data_sets() const { return manifest_.data_sets(); }
  /// Where the experts were to be from its step on; nullptr: it does not say.
  const proto::Placement* placement() const {
    return manifest_.has_placement() ? &manifest_.placement() : nullptr;
  }
  /// Tokens at each expert since they were last up for being placed anew; one entry a layer, or none.
  const auto& loads() const { return manifest_.loads(); }
  /// TokenData::content_hash of what training read, in the order of the config's domains; empty:
  /// it does not say.
  const auto& data_hashes() const { return manifest_.data_hashes(); }
  /// What these weights came from.
  std::vector<Lineage> parents() const;
  /// This checkpoint as a parent of another.
  Lineage lineage() const;

 private:
  void check_step() const;
  void check_tiles() const;
  void check_data_sets();
  void check_data_set(const proto::DataSet& data_set, const ParameterSpec& spec) const;
  const proto::DataSet& data_set_of(StateKind kind, const ParameterSpec& spec) const;
  void read_tile(const proto::DataSet& data_set, const ParameterSpec& spec, std::int64_t begin,
                 std::span<float> out) const;

  std::filesystem::path path_;
  std::string manifest_hash_;  // hexadecimal
  proto::Manifest manifest_;
  RunConfig config_;
  std::vector<ParameterSpec> specs_;
  std::map<std::string, const proto::DataSet*> data_sets_;  // by path; into manifest_
  OpenFile data_;
};

/// Throws BadInput, naming checkpoint and difference, unless both models' weights mean the same.
void check_same_model(const ModelConfig& checkpoint, const ModelConfig& wanted,
                      const std::filesystem::path& path);

}  // namespace bam
