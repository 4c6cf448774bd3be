#include "launch/run_saves.h"

#include <iostream>
#include <utility>

#include "io/checkpoint_state.h"
#include "io/retention.h"
#include "io/text_file.h"

namespace bam {
namespace {

// Checkpoints that were refused when the run went on from one before them.
std::vector<std::int64_t> steps_after(const std::filesystem::path& folder, std::int64_t step) {
  std::vector<std::int64_t> steps =
      is_folder(folder) ? steps_in(folder) : std::vector<std::int64_t>();
  std::erase_if(steps, [&](std::int64_t other) { return other <= step; });
  return steps;
}

}  // namespace

RunSaves::RunSaves(Stream& stream, Communicator& world, const RunConfig& config,
                   const proto::RunConfig& text, const std::filesystem::path& folder, Tell tell)
    : stream_(stream),
      rank_(world.rank()),
      config_(config.checkpoint),
      text_(text),
      folder_(folder),
      tell_(std::move(tell)),
      peers_(stream, world) {}

// All ranks learn here that the disk has no room, before a step is trained that could not be saved.
bool RunSaves::open(Trainer& trainer) {
  // What is on a GPU is copied even where training waits for it to be written.
  const bool copies = is_in_background() || stream_.device() == DeviceKind::kCuda;
  try {
    writer_.emplace(peers_,
                    CheckpointPlan{.folder = folder_,
                                   .specs = trainer.store().specs(),
                                   .is_stored = stored_states(text_),
                                   .retention = {.keep_last = config_.keep_last,
                                                 .keep_every = config_.keep_every,
                                                 .not_counted = steps_after(folder_, newest_)}},
                    owned_tiles(trainer.optimizer()), copies ? &stream_ : nullptr);
  } catch (const CannotSave& error) {
    if (rank_ == 0) {
      std::cerr << message_of("bam: ", error.what(), "\n") << std::flush;
    }
  }
  return is_open();
}

bool RunSaves::is_in_background() const { return config_.in_background && config_.every > 0; }

bool RunSaves::is_due(std::int64_t step) const {
  return config_.every > 0 && step % config_.every == 0;
}

void RunSaves::save(CheckpointInfo info) {
  writer_->save(std::move(info));
  if (!is_in_background()) {
    writer_->finish();
  }
  tell_of_ends();
}

void RunSaves::save_now(CheckpointInfo info) {
  writer_->save(std::move(info));
  finish();
}

void RunSaves::advance() {
  writer_->advance();
  tell_of_ends();
}

void RunSaves::finish() {
  writer_->finish();
  tell_of_ends();
}

void RunSaves::tell_of_ends() {
  for (const SaveReport& save : writer_->take_reports()) {
    newest_ = save.failure.empty() ? save.step : newest_;
    tell_(save, writer_->staging_bytes());
  }
}

}  // namespace bam
