#include "tests/faults/filled_run.h"

#include "runtime/check.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {

void save_filled(const std::filesystem::path& run, std::int64_t step) {
  Memory memory;
  Stream stream(memory);
  NoPeers alone;
  const CheckpointInfo info{
      .step = step, .config = tiny_run_config(kTinyMixture), .tokenizer = "made", .parents = {}};
  const auto specs = parameter_specs(run_config_of(info.config, "tiny").model);
  FilledTiles filled(specs, static_cast<double>(step));
  CheckpointWriter writer(alone, {run, specs, stored_states(info.config), {.keep_last = 2}},
                          filled.tiles(), &stream);
  writer.save(info);
  writer.finish();
  const std::string failure = writer.take_reports().back().failure;
  check(failure.empty(), failure);
}

}  // namespace bam
