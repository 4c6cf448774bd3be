#include "launch/resume.h"

#include <iostream>

#include "io/checkpoint_peers.h"
#include "io/whole_checkpoint.h"
#include "launch/same_run.h"

namespace bam {

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
    check_same_run(found->config_text(), config, found->path());
  }
  if (is_told) {
    std::cerr << "bam: going on from " << found->path().filename().string() << "\n";
  }
  return found;
}

}  // namespace bam
