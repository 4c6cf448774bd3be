#include "io/checkpoint_writer.h"

#include <exception>
#include <optional>

#include "io/run_config.h"
#include "runtime/check.h"

namespace bam {
namespace {

/// Runs `work`; then every rank learns whether it went well on all, and throws where it did not.
template <class Work>
void agreed(CheckpointPeers& peers, Work work) {
  std::string failure;
  try {
    work();
  } catch (const std::exception& error) {
    failure = error.what();
    failure = failure.empty() ? "failed" : failure;
  }
  const std::vector<std::string> failures = peers.gather(std::move(failure));
  for (std::size_t rank = 0; rank < failures.size(); ++rank) {
    check(failures[rank].empty(), "checkpoint: rank ", rank, ": ", failures[rank]);
  }
}

IsStored stored_states(const CheckpointInfo& info) {
  const Trainable trainable = run_config_of(info.config, "checkpoint").training.trainable;
  return [trainable](StateKind kind, const ParameterSpec& spec) {
    return kind == StateKind::kWeight || is_trainable(spec, trainable);
  };
}

void write_tile(TileWriter& writer, const std::vector<ParameterSpec>& specs,
                const OwnedTile& owned) {
  const ParameterSpec& spec = specs.at(static_cast<std::size_t>(owned.tile.spec));
  const auto write = [&](StateKind kind, std::span<const float> values) {
    check(std::ssize(values) == owned.tile.elements(), spec.name(), ": ", values.size(),
          " values for a tile of ", owned.tile.elements());
    writer.write(kind, spec, owned.tile.begin, values);
  };
  write(StateKind::kWeight, owned.weight);
  if (!owned.first_moment.empty()) {
    write(StateKind::kFirstMoment, owned.first_moment);
    write(StateKind::kSecondMoment, owned.second_moment);
  }
}

}  // namespace

void write_checkpoint(CheckpointPeers& peers, const std::filesystem::path& folder,
                      const CheckpointInfo& info, const std::vector<ParameterSpec>& specs,
                      std::span<const OwnedTile> tiles, const Retention& retention) {
  const bool is_leader = peers.rank() == 0;
  try {
    proto::Manifest layout;
    agreed(peers, [&] {
      if (is_leader) {
        layout = begin_draft(folder, info.step, specs, stored_states(info));
      }
    });
    check(layout.ParseFromString(peers.broadcast(layout.SerializeAsString())),
          "checkpoint: its layout came broken from rank 0");
    std::string hashes;
    agreed(peers, [&] {
      TileWriter writer(draft_folder(folder, info.step) / kDataFile, layout);
      for (const OwnedTile& owned : tiles) {
        write_tile(writer, specs, owned);
      }
      hashes = writer.finish();
    });
    const std::vector<std::string> all_hashes = peers.gather(std::move(hashes));
    agreed(peers, [&] {
      if (is_leader) {
        commit_draft(folder, layout, info, all_hashes, retention);
      }
    });
  } catch (...) {
    if (is_leader) {
      drop_draft(folder, info.step);
    }
    throw;
  }
}

void write_checkpoint(Stream& stream, Communicator& ranks, const std::filesystem::path& folder,
                      const CheckpointInfo& info, const std::vector<ParameterSpec>& specs,
                      std::span<const OwnedTile> tiles, const Retention& retention) {
  CommunicatorPeers peers(stream, ranks);
  write_checkpoint(peers, folder, info, specs, tiles, retention);
}

}  // namespace bam
