#include "launch/loaded_model.h"

#include "runtime/elementwise.h"
#include "runtime/host.h"

namespace bam {

void load_weights(Stream& stream, const CheckpointReader& checkpoint, ParameterStore& store) {
  std::vector<float> values;
  for (Parameter& parameter : store.parameters()) {
    const std::int64_t elements = parameter.spec.elements();
    const Tensor flat = parameter.value.reshape({elements});
    for (std::int64_t begin = 0; begin < elements; begin += kTileElements) {
      const std::int64_t end = std::min(begin + kTileElements, elements);
      values.resize(static_cast<std::size_t>(end - begin));
      checkpoint.read(StateKind::kWeight, parameter.spec, begin, end, values);
      copy(stream, to_device(stream, {end - begin}, values), flat.slice(begin, end));
    }
  }
}

LoadedModel::LoadedModel(Stream& stream, const CheckpointReader& checkpoint, Exchange& exchange,
                         Precision precision)
    : config_(checkpoint.config().model),
      placement_(round_robin(config_, exchange.ranks())),
      store_(stream, config_, placement_, exchange.rank(), precision,
             ParameterStore::Gradients::kNone) {
  load_weights(stream, checkpoint, store_);
  transformer_.emplace(stream, config_, store_, placement_, exchange,
                       TransformerOptions{.precision = precision});
}

}  // namespace bam
