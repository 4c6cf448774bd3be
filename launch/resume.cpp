#include "launch/resume.h"

#include <algorithm>
#include <iostream>

#include "io/checkpoint_peers.h"
#include "io/checkpoint_writer.h"
#include "io/whole_checkpoint.h"
#include "launch/same_run.h"
#include "runtime/check.h"

namespace bam {
namespace {

// There are none in what was exported, upcycled or imported.
void check_has_moments(const CheckpointReader& checkpoint) {
  const std::vector<ParameterSpec> tensors = stored_tensors(checkpoint.specs());
  const bool has_any = std::ranges::any_of(tensors, [&](const ParameterSpec& tensor) {
    return checkpoint.has(StateKind::kFirstMoment, tensor);
  });
  const std::string path = checkpoint.path().string();
  check_input(has_any, path, ": holds weights only (made by ", checkpoint.lineage().made_by(),
              "), so training cannot go on from it; a run in a folder of its own starts from them "
              "with init_from: \"",
              path, "\"");
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
    check_has_moments(*found);
    check_same_run(found->config_text(), config, found->path());
  }
  if (is_told) {
    std::cerr << "bam: going on from " << found->path().filename().string() << "\n";
  }
  return found;
}

}  // namespace bam
