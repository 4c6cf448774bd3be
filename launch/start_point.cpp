#include "launch/start_point.h"

#include <utility>

#include "io/field_check.h"
#include "launch/resume.h"
#include "runtime/check.h"

namespace bam {
namespace {

void check_fits(const CheckpointReader& checkpoint, const StartRequest& request) {
  check_input(checkpoint.tokenizer() == request.tokenizer, checkpoint.path().string(),
              ": its tokenizer is not the one of ", request.config.data.domains[0].path);
  check_same_model(checkpoint.config().model, request.config.model, checkpoint.path());
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

StartPoint open_init(const Communicator& world, const StartRequest& request) {
  StartPoint start{CheckpointReader(request.config.init_from), /*resumes=*/false};
  check_fits(start.checkpoint, request);
  start.checkpoint.verify(std::span(kStateKinds).first(1), world.rank(), world.size());
  return start;
}

}  // namespace

std::optional<StartPoint> open_start(Stream& stream, Communicator& world,
                                     const StartRequest& request) {
  std::optional<StartPoint> start;
  if (auto newest = checkpoint_to_resume(stream, world, request.folder, request.text)) {
    check_fits(*newest, request);
    check_same_data(*newest, request.data);
    start.emplace(StartPoint{std::move(*newest), /*resumes=*/true});
  } else if (!request.config.init_from.empty()) {
    start.emplace(
        naming(request.config_name + ": init_from", [&] { return open_init(world, request); }));
  }
  world.barrier(stream).wait(stream);
  return start;
}

}  // namespace bam
