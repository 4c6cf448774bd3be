#include "parallel/trainer.h"

#include <algorithm>
#include <utility>

namespace bam {

Trainer::Trainer(Stream& stream, Communicator& world, Layout& layout, const ModelConfig& config,
                 Placement placement, const TrainerOptions& options)
    : stream_(stream),
      placement_(std::move(placement)),
      exchange_(layout.expert_group(), options.overlap),
      store_(stream, config, placement_, exchange_.rank(), options.precision,
             ParameterStore::Gradients::kTrained, options.trainable),
      optimizer_(stream, store_, world, layout.data_group(), placement_, options.optimizer),
      model_(stream, config, store_, placement_, exchange_,
             {.precision = options.precision,
              .slices_per_peer = options.slices_per_peer,
              .domains = options.domains}),
      step_(model_, store_, optimizer_, world, options.keep, options.overlap) {
  if (world.size() > 1) {
    stream.on_poll([&clock = world.clock()] { clock.progress(); });
  }
}

Trainer::~Trainer() { stream_.on_poll(nullptr); }

void Trainer::draw_weights(std::uint64_t seed) {
  optimizer_.for_each_owned_tile([&](const OwnedTile& owned) {
    const ParameterSpec& spec = store_.specs()[static_cast<std::size_t>(owned.tile.spec)];
    const Tensor values = initial_values(stream_, spec, seed, owned.tile.begin, owned.tile.end);
    std::ranges::copy(values.span<float>(), owned.weight.begin());
  });
  optimizer_.publish(stream_);
}

}  // namespace bam
