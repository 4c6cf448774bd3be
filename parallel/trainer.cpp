#include "parallel/trainer.h"

#include <algorithm>
#include <utility>

#include "runtime/check.h"
#include "runtime/device.h"
#include "runtime/host.h"

namespace bam {

Trainer::Parts::Parts(Stream& stream, Communicator& world, Layout& layout,
                      const ModelConfig& config, Placement where, const TrainerOptions& options)
    : placement(std::move(where)),
      exchange(layout.expert_group(), options.overlap),
      store(stream, config, placement, exchange.rank(), options.precision,
            ParameterStore::Gradients::kTrained, options.trainable),
      optimizer(stream, store, world, layout.data_group(), placement, options.optimizer),
      model(stream, config, store, placement, exchange,
            {.precision = options.precision,
             .slices_per_peer = options.slices_per_peer,
             .domains = options.domains,
             .counts_pairs = options.counts_pairs}),
      step(model, store, optimizer, world,
           {.keep = options.keep,
            .overlap = options.overlap,
            .capacity_factor = options.expert_capacity_factor,
            .records = options.cuda_graphs}) {}

Trainer::Trainer(Stream& stream, Communicator& world, Layout& layout, const ModelConfig& config,
                 Placement placement, const TrainerOptions& options)
    : stream_(stream), world_(world), layout_(layout), config_(config), options_(options) {
  set_deterministic(stream, options.deterministic);
  place(std::move(placement));
  if (options.cuda_graphs) {
    const std::string obstacle =
        stream.device() == DeviceKind::kCpu
            ? "the run is on CPUs"
            : model().obstacle_to_recording(options.expert_capacity_factor);
    check_input(obstacle.empty(), "parallel.cuda_graphs: not here: ", obstacle);
  }
  if (world.size() > 1) {
    stream.on_poll([&clock = world.clock()] { clock.progress(); });
  }
}

void Trainer::place(Placement placement) {
  parts_.reset();
  parts_.emplace(stream_, world_, layout_, config_, std::move(placement), options_);
}

Trainer::~Trainer() { stream_.on_poll(nullptr); }

void Trainer::draw_weights(std::uint64_t seed) {
  optimizer().for_each_owned_tile([&](const OwnedTile& owned) {
    const ParameterSpec& spec = store().specs()[static_cast<std::size_t>(owned.tile.spec)];
    const Tensor values = initial_values(stream_, spec, seed, owned.tile.begin, owned.tile.end);
    to_host(stream_, values, std::as_writable_bytes(owned.weight));
  });
  optimizer().publish(stream_);
}

}  // namespace bam
