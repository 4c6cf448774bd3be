#include "io/weights_writer.h"

#include <system_error>

#include "io/checkpoint_format.h"
#include "io/text_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

void write_draft(const std::filesystem::path& folder, const CheckpointInfo& info,
                 const std::vector<ParameterSpec>& specs, const MakeTile& make) {
  const proto::Manifest layout =
      begin_draft(folder, info.step, specs,
                  [](StateKind kind, const ParameterSpec&) { return kind == StateKind::kWeight; });
  TileWriter writer(draft_folder(folder, info.step) / kDataFile, layout);
  for (const Tile& tile : tiles_of(specs)) {
    const ParameterSpec& spec = specs[static_cast<std::size_t>(tile.spec)];
    writer.write(StateKind::kWeight, spec, tile.begin, make(spec, tile));
  }
  commit_draft(folder, layout, info, {writer.finish()}, {});
}

}  // namespace

void write_weights(const std::filesystem::path& folder, const CheckpointInfo& info,
                   const std::vector<ParameterSpec>& specs, const MakeTile& make) {
  const bool is_new = !std::filesystem::exists(folder);
  try {
    write_draft(folder, info, specs, make);
  } catch (...) {
    drop_draft(folder, info.step);
    if (std::error_code ignored; is_new) {
      std::filesystem::remove(folder, ignored);
    }
    throw;
  }
}

void check_may_write(const std::filesystem::path& folder, Replace replace) {
  // By name: one that is damaged may be replaced as well.
  const std::string own = step_folder(0);
  std::string latest = has_checkpoint(folder) ? read_file(folder / kLatestFile) : own;
  latest.erase(latest.find_last_not_of('\n') + 1);
  check_input(latest == own, folder.string(), ": holds a trained checkpoint (", latest,
              "), which would be hidden");
  if (!has_checkpoint(folder) && !std::filesystem::exists(folder / own)) {
    return;
  }
  check_input(replace == Replace::kYes, folder.string(),
              ": holds a checkpoint already; --replace puts another in its place");
}

}  // namespace bam
