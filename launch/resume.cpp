#include "launch/resume.h"

#include <iostream>

#include "io/checkpoint_peers.h"
#include "io/checkpoint_writer.h"
#include "io/whole_checkpoint.h"
#include "launch/same_run.h"
#include "runtime/check.h"

namespace bam {
namespace {

// What `bam export --format hdf5`, `bam upcycle` and `bam import` write.
void check_has_moments(const CheckpointReader& checkpoint, const proto::RunConfig& config) {
  const IsStored is_stored = stored_states(config);
  for (const ParameterSpec& tensor : stored_tensors(checkpoint.specs())) {
    check_input(!is_stored(StateKind::kFirstMoment, tensor) ||
                    checkpoint.has(StateKind::kFirstMoment, tensor),
                checkpoint.path().string(),
                ": holds weights only (made by ", checkpoint.lineage().made_by(),
                "), so training cannot go on from it; a run in a folder of its own starts from "
                "them with init_from: \"",
                checkpoint.path().string(), "\"");
  }
}

}  // namespace

std::optional<CheckpointReader> checkpoint_to_resume(Stream& stream, Communicator& world,
                                                     const std::filesystem::path& folder,
                                                     const proto::RunConfig& config) {
  CommunicatorPeers ranks(stream, world);
  bool is_told = false;
  std::optional<CheckpointReader> found =
      newest_whole_checkpoint(ranks, folder, [&](const std::string& refusal) {
        std::cerr << "bam: " << refusal << "\n";
        is_told = true;
      });
  if (found) {
    check_has_moments(*found, config);
    check_same_run(found->config_text(), config, found->path());
  }
  if (is_told) {
    std::cerr << "bam: going on from " << found->path().filename().string() << "\n";
  }
  return found;
}

}  // namespace bam
