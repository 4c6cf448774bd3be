#include "io/checkpoint_draft.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "io/hdf5_file.h"
#include "io/text_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSpareBytes = std::int64_t{16} << 20;  // for all that is not tiles

proto::Manifest list_data_sets(const std::vector<ParameterSpec>& specs, const IsStored& is_stored) {
  proto::Manifest layout;
  for (const StateKind kind : kStateKinds) {
    for (const ParameterSpec& spec : stored_tensors(specs)) {
      if (is_stored(kind, spec)) {
        proto::DataSet& data_set = *layout.add_data_sets();
        data_set.set_path(data_set_path(kind, spec.tensor));
        const Shape shape = spec.stacked_shape();
        data_set.mutable_shape()->Add(shape.begin(), shape.end());
        const std::int64_t tiles = tiles_of_weight(spec) * (spec.is_expert() ? spec.experts : 1);
        data_set.set_tile_hashes(std::string(static_cast<std::size_t>(tiles) * sizeof(Hash128), 0));
      }
    }
  }
  return layout;
}

void add_hashes(proto::Manifest& layout, const std::vector<std::string>& hashes_of_ranks) {
  std::vector<std::vector<bool>> is_written;
  for (const proto::DataSet& data_set : layout.data_sets()) {
    is_written.emplace_back(data_set.tile_hashes().size() / sizeof(Hash128), false);
  }
  for (const std::string& hashes : hashes_of_ranks) {
    for (std::size_t at = 0; at < hashes.size(); at += sizeof(TileHash)) {
      TileHash entry;
      std::memcpy(&entry, hashes.data() + at, sizeof entry);
      proto::DataSet& data_set = *layout.mutable_data_sets(static_cast<int>(entry.data_set));
      auto written = is_written[static_cast<std::size_t>(entry.data_set)].begin() + entry.tile;
      check(!*written, data_set.path(), ": tile ", entry.tile, " was written twice");
      *written = true;
      std::memcpy(data_set.mutable_tile_hashes()->data() + entry.tile * std::ssize(entry.hash),
                  entry.hash.data(), entry.hash.size());
    }
  }
  for (std::size_t d = 0; d < is_written.size(); ++d) {
    const auto missing = std::ranges::find(is_written[d], false);
    check(missing == is_written[d].end(), layout.data_sets(static_cast<int>(d)).path(), ": tile ",
          missing - is_written[d].begin(), " was written by no rank");
  }
}

void add_info(proto::Manifest& manifest, const CheckpointInfo& info) {
  manifest.set_version(kManifestVersion);
  manifest.set_step(info.step);
  manifest.set_tokens_phase(info.tokens_phase);
  manifest.set_tokens_cumulative(info.tokens_cumulative);
  *manifest.mutable_config() = info.config;
  manifest.set_tokenizer(info.tokenizer);
  manifest.mutable_parents()->Add(info.parents.begin(), info.parents.end());
  manifest.set_seconds(info.seconds);
  manifest.set_flops(info.flops);
  manifest.set_made_by(info.made_by);
  if (info.placement) {
    *manifest.mutable_placement() = *info.placement;
  }
  manifest.mutable_loads()->Add(info.loads.begin(), info.loads.end());
  manifest.mutable_data_hashes()->Add(info.data_hashes.begin(), info.data_hashes.end());
  *manifest.mutable_guard() = info.guard;
}

std::string with_hash(const proto::Manifest& manifest) {
  std::string bytes = manifest.SerializeAsString();
  proto::Manifest again;
  check(again.ParseFromString(bytes), "a manifest that cannot be read back (a name not in UTF-8?)");
  const Hash128 hash = hash_of(bytes);
  bytes.append(reinterpret_cast<const char*>(hash.data()), hash.size());
  return bytes;
}

void prune(const fs::path& folder, std::int64_t newest, const Retention& retention) {
  std::vector<std::int64_t> steps = steps_in(folder);
  std::erase_if(steps, [&](std::int64_t step) {
    const auto& not_counted = retention.not_counted;
    return step > newest || std::ranges::find(not_counted, step) != not_counted.end();
  });
  for (const std::int64_t step : steps_to_remove(steps, retention)) {
    remove_checkpoint(folder / step_folder(step));
  }
}

/// Gives the draft its name. A checkpoint that has the name already stands until then, and gets the
/// draft's, except on file systems that cannot exchange names: there it goes first.
void rename_draft(const fs::path& draft, const fs::path& finished) {
  const bool is_exchanged =
      fs::exists(finished) &&
      ::renameat2(AT_FDCWD, draft.c_str(), AT_FDCWD, finished.c_str(), RENAME_EXCHANGE) == 0;
  if (!is_exchanged) {
    remove_checkpoint(finished);
    fs::rename(draft, finished);
  }
}

}  // namespace

std::string bytes_of(std::span<const TileHash> hashes) {
  return {reinterpret_cast<const char*>(hashes.data()), hashes.size_bytes()};
}

TileWriter::TileWriter(const fs::path& data_file, const proto::Manifest& layout)
    : file_(data_file, OpenFile::Mode::kWrite) {
  for (const proto::DataSet& data_set : layout.data_sets()) {
    index_of_.emplace(data_set.path(), static_cast<int>(offsets_.size()));
    offsets_.push_back(data_set.offset());
  }
}

void TileWriter::write(StateKind kind, const ParameterSpec& spec, std::int64_t begin,
                       std::span<const float> values) {
  const auto found = index_of_.find(data_set_path(kind, spec.tensor));
  check(found != index_of_.end(), data_set_path(kind, spec.tensor), ": is not to be stored");
  const auto bytes = std::as_bytes(values);
  const auto element_bytes = static_cast<std::int64_t>(sizeof(float));
  hashes_.push_back({found->second, tile_index(spec, begin), hash_of(bytes)});
  write_at(file_.descriptor(), file_.path(),
           offsets_[static_cast<std::size_t>(found->second)] +
               (spec.first_element() + begin) * element_bytes,
           bytes);
}

std::string TileWriter::finish() {
  file_.sync();
  return bytes_of(hashes_);
}

fs::path draft_folder(const fs::path& folder, std::int64_t step) {
  return folder / ("." + step_folder(step) + ".partial");
}

proto::Manifest begin_draft(const fs::path& folder, std::int64_t step,
                            const std::vector<ParameterSpec>& specs, const IsStored& is_stored) {
  make_folder(folder);
  const fs::path draft = draft_folder(folder, step);
  fs::remove_all(draft);
  make_folder(draft);
  proto::Manifest layout = list_data_sets(specs, is_stored);
  check_space(folder, layout);
  Hdf5File file = Hdf5File::create(draft / kDataFile);
  for (proto::DataSet& data_set : *layout.mutable_data_sets()) {
    const Shape shape(data_set.shape().begin(), data_set.shape().end());
    data_set.set_offset(file.create_contiguous(data_set.path(), FileType::kFloat32, shape).offset);
  }
  file.close();
  return layout;
}

void commit_draft(const fs::path& folder, proto::Manifest layout, const CheckpointInfo& info,
                  const std::vector<std::string>& hashes_of_ranks, const Retention& retention) {
  const fs::path draft = draft_folder(folder, info.step);
  const fs::path finished = folder / step_folder(info.step);
  add_hashes(layout, hashes_of_ranks);
  add_info(layout, info);
  const OpenFile data(draft / kDataFile, OpenFile::Mode::kRead);
  data.sync();
  layout.set_file_bytes(data.size());
  const Hash128 outside = hash_outside(data.descriptor(), data.path(), layout, data.size());
  layout.set_outside_hash(outside.data(), outside.size());
  write_file(draft / kManifestFile, with_hash(layout));
  sync_folder(draft);
  rename_draft(draft, finished);
  sync_folder(folder);
  remove_checkpoint(draft);  // what had the name before
  write_file(folder / kLatestFile, step_folder(info.step) + "\n");
  sync_folder(folder);
  prune(folder, info.step, retention);
}

void drop_draft(const fs::path& folder, std::int64_t step) noexcept {
  std::error_code ignored;
  fs::remove_all(draft_folder(folder, step), ignored);
}

void drop_drafts(const fs::path& folder) noexcept {
  std::error_code ignored;
  std::vector<fs::path> drafts;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(".step-") && name.ends_with(".partial")) {
      drafts.push_back(entry.path());
    }
  }
  for (const fs::path& draft : drafts) {
    fs::remove_all(draft, ignored);
  }
}

void check_space(const fs::path& folder, const proto::Manifest& layout) {
  std::int64_t bytes = kSpareBytes;
  for (const proto::DataSet& data_set : layout.data_sets()) {
    bytes += bytes_of(data_set);
  }
  const auto available = static_cast<std::int64_t>(fs::space(folder).available);
  check(available >= bytes, folder.string(), ": ", available,
        " bytes are free where a checkpoint takes ", bytes);
}

}  // namespace bam
