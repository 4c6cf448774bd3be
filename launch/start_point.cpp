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
    start.emplace(StartPoint{std::move(*newest), /*resumes=*/true});
  } else if (!request.config.init_from.empty()) {
    start.emplace(
        naming(request.config_name + ": init_from", [&] { return open_init(world, request); }));
  }
  world.barrier(stream).wait(stream);
  return start;
}

}  // namespace bam
