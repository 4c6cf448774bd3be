#include "launch/start_point.h"

#include <utility>

#include "io/field_check.h"
#include "launch/resume.h"
#include "runtime/check.h"

namespace bam {
namespace {

void check_fits(const CheckpointReader& checkpoint, const RunInput& run) {
  check_input(checkpoint.tokenizer() == run.tokenizer, checkpoint.path().string(),
              ": its tokenizer is not the one of ", run.config.data.domains[0].path);
  check_same_model(checkpoint.config().model, run.config.model, checkpoint.path());
}

// Made anew from other text, or in another order, they would be another run's.
void check_same_data(const CheckpointReader& checkpoint, const TrainingData& data) {
  const auto& hashes = checkpoint.data_hashes();
  if (hashes.empty()) {
    return;
  }
  const std::vector<TrainingDomain>& domains = data.domains();
  check_input(hashes.size() == std::ssize(domains), checkpoint.path().string(), ": hashes of ",
              hashes.size(), " token data sets where there are ", domains.size());
  for (int d = 0; d < hashes.size(); ++d) {
    const TokenData& tokens = domains[static_cast<std::size_t>(d)].data;
    check_input(hashes[d] == tokens.content_hash(), checkpoint.path().string(),
                ": was trained on other data: data.domains[", d, "].path: ", tokens.path().string(),
                ": content hash ", tokens.content_hash(), " where ", hashes[d],
                " was expected; in a folder of its own, init_from starts from its weights");
  }
}

StartPoint open_init(const Communicator& world, const RunInput& run) {
  StartPoint start{CheckpointReader(run.config.init_from), /*resumes=*/false};
  check_fits(start.checkpoint, run);
  start.checkpoint.verify(std::span(kStateKinds).first(1), world.rank(), world.size());
  return start;
}

}  // namespace

std::optional<StartPoint> open_start(Stream& stream, Communicator& world, const RunInput& run) {
  std::optional<StartPoint> start;
  if (auto newest = checkpoint_to_resume(stream, world, run.folder, run.text)) {
    check_fits(*newest, run);
    check_same_data(*newest, run.data);
    start.emplace(StartPoint{std::move(*newest), /*resumes=*/true});
  } else if (!run.config.init_from.empty()) {
    start.emplace(naming(run.config_name + ": init_from", [&] { return open_init(world, run); }));
  }
  world.barrier(stream).wait(stream);
  return start;
}

}  // namespace bam
