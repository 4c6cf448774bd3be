#include "io/weights_copy.h"

#include "io/checkpoint_reader.h"
#include "io/weights_writer.h"
#include "runtime/check.h"

namespace bam {
namespace {

/// The copy is a node of its own, so that the tokens of its training count once in a family.
CheckpointInfo info_of(const CheckpointReader& checkpoint) {
  CheckpointInfo info;
  info.step = checkpoint.step();
  info.tokens_cumulative = checkpoint.tokens_cumulative();
  info.config = checkpoint.config_text();
  info.tokenizer = checkpoint.tokenizer();
  info.parents = {checkpoint.lineage()};
  info.made_by = "export";
  return info;
}

}  // namespace

void copy_weights(const std::filesystem::path& checkpoint, const std::filesystem::path& out) {
  const CheckpointReader original(checkpoint);
  check_input(!has_checkpoint(out), out.string(), ": holds a checkpoint already");
  std::vector<float> values;
  write_weights(out, info_of(original), original.specs(),
                [&](const ParameterSpec& spec, const Tile& tile) -> std::span<const float> {
                  values.resize(static_cast<std::size_t>(tile.elements()));
                  original.read(StateKind::kWeight, spec, tile.begin, tile.end, values);
                  return values;
                });
}

}  // namespace bam
