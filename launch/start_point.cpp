#include "launch/start_point.h"

#include "io/field_check.h"
#include "runtime/check.h"

namespace bam {
namespace {

void check_fits(const CheckpointReader& checkpoint, const RunConfig& config,
                const std::string& tokenizer) {
  check_input(checkpoint.tokenizer() == tokenizer, checkpoint.path().string(),
              ": its tokenizer is not the one of ", config.data.domains[0].path);
  check_same_model(checkpoint.config().model, config.model, checkpoint.path());
}

}  // namespace

std::optional<StartPoint> open_start(Stream& stream, Communicator& world, const RunConfig& config,
                                     const std::string& config_name,
                                     const std::filesystem::path& folder,
                                     const std::string& tokenizer) {
  const auto checked = [&](const std::filesystem::path& path, bool resumes) {
    StartPoint start{CheckpointReader(path), resumes};
    check_fits(start.checkpoint, config, tokenizer);
    const auto kinds = std::span(kStateKinds).first(resumes ? kStateKinds.size() : 1);
    start.checkpoint.verify(kinds, world.rank(), world.size());
    return start;
  };
  std::optional<StartPoint> start;
  if (has_checkpoint(folder)) {
    start.emplace(checked(folder, true));
  } else if (!config.init_from.empty()) {
    start.emplace(
        naming(config_name + ": init_from", [&] { return checked(config.init_from, false); }));
  }
  world.barrier(stream).wait(stream);
  return start;
}

}  // namespace bam
