#include "tests/bench/gpu_steps.h"

#include <iomanip>
#include <iostream>

#include "model/flops.h"
#include "model/transformer.h"
#include "runtime/attention.h"
#include "runtime/check.h"
#include "runtime/device.h"
#include "runtime/host.h"

namespace bam {
namespace {

constexpr std::int64_t kLength = 2048;

struct NamedModel {
  std::string name;
  ModelConfig config;
};

// A model on one GPU, with random weights, and a batch for it.
class StepBench {
 public:
  StepBench(GpuTable& table, const ModelConfig& config)
      : stream_(table.stream()),
        config_(config),
        placement_(round_robin(config, 1)),
        store_(stream_, config, placement_, 0, Precision::kBFloat16,
               ParameterStore::Gradients::kTrained),
        model_(stream_, config, store_, placement_, exchange_, {.precision = Precision::kBFloat16}),
        batch_(batch(table.scaled(kLength))) {
    for (const Parameter& parameter : store_.parameters()) {
      table.fill_random(parameter.value);
    }
  }

  double flops() const {
    return training_flops(config_, kSequences, static_cast<double>(batch_.length));
  }
  void run(Saved& saved, double capacity_factor) {
    store_.restart_gradients(stream_);
    model_.forward(stream_, batch_, Keep::kAll, saved, capacity_factor);
    const auto rows = static_cast<double>(batch_.rows());
    model_.losses_and_gradient(stream_, batch_, saved, 1 / rows);
    model_.backward(stream_, batch_, saved, balance_terms(config_, saved.routing, 1.0, rows));
  }

 private:
  static constexpr std::int64_t kSequences = 4;

  Batch batch(std::int64_t length) {
    const Shape shape = {kSequences * length};
    std::vector<std::int32_t> tokens;
    std::vector<std::int32_t> starts;
    for (std::int64_t i = 0; i < shape[0]; ++i) {
      tokens.push_back(static_cast<std::int32_t>(i * 7919 % config_.vocabulary));
      starts.push_back(static_cast<std::int32_t>(i / length * length));
    }
    return {kSequences,
            length,
            to_device(stream_, shape, tokens),
            to_device(stream_, shape, tokens),
            to_device(stream_, shape, starts),
            std::vector<int>(kSequences),
            {kSequences},
            {AttentionShape::kWhole}};
  }

  Stream& stream_;
  ModelConfig config_;
  LocalExchange exchange_;
  Placement placement_;
  ParameterStore store_;
  Transformer model_;
  Batch batch_;
};

// The least of a few factors with which no expert has too little room. These steps also have
// everything loaded before one is recorded.
double ample_capacity(StepBench& step, const ModelConfig& config) {
  std::vector<double> factors = {0};
  if (config.mixture) {
    const FfnMixture& ffn = config.mixture->ffn;
    factors = {1.25, 1.5, 2, static_cast<double>(ffn.experts) / ffn.top_k};
  }
  for (const double factor : factors) {
    Saved warm;
    step.run(warm, factor);
    if (!warm.has_overflow) {
      return factor;
    }
  }
  throw Error("an expert has too little room although it has room for every token");
}

void recorded_line(GpuTable& table, StepBench& step, const ModelConfig& config) {
  table.stream().memory().trim();
  const double factor = ample_capacity(step, config);
  table.stream().memory().trim();
  Saved saved;
  saved.recording.begin(Recording::Pass::kRecord);
  step.run(saved, factor);
  if (saved.has_overflow) {
    std::cout << "  no rate of CUDA graphs: an expert had too little room at a factor of " << factor
              << std::endl;
    return;
  }
  table.operations("  the same as CUDA graphs", step.flops(), [&] {
    saved.recording.begin(Recording::Pass::kReplay);
    step.run(saved, factor);
  });
  if (factor > 0) {
    std::cout << "  (each expert with the rows of " << std::setprecision(2) << factor
              << " times an even part)\n";
  }
}

// Not recorded, as the model's first line.
void any_order_line(GpuTable& table, StepBench& step) {
  table.stream().memory().trim();
  set_deterministic(table.stream(), false);
  table.operations("  with attention's gradients in any order", step.flops(), [&] {
    Saved saved;
    step.run(saved, 0);
  });
  set_deterministic(table.stream(), true);
}

void step_lines(GpuTable& table, const NamedModel& model) {
  StepBench step(table, model.config);
  const auto once = [&] {
    Saved saved;
    step.run(saved, 0);
  };
  table.operations((model.name + ", step w/o optimiser").c_str(), step.flops(), once);
  const std::int64_t before = table.stream().waits();
  once();
  std::cout << "  the host waited " << table.stream().waits() - before << " times" << std::endl;
  if (table.stream().device() == DeviceKind::kCuda) {
    recorded_line(table, step, model.config);
    if (obstacle_to_cudnn().empty()) {
      any_order_line(table, step);
    }
  }
}

ModelConfig dense(int d_model, int layers, int heads, int kv_heads, int hidden) {
  return {.vocabulary = 32000,
          .d_model = d_model,
          .n_layers = layers,
          .n_heads = heads,
          .n_kv_heads = kv_heads,
          .ffn_hidden = hidden,
          .mixture = std::nullopt};
}

ModelConfig mixed(ModelConfig config) {
  config.mixture = MixtureConfig{.attention = AttentionMixture{.experts = 4},
                                 .ffn = FfnMixture{.experts = 4, .top_k = 1}};
  return config;
}

std::vector<NamedModel> models(BenchSize size) {
  const int fewer = size == BenchSize::kWhole ? 1 : 6;
  const ModelConfig small = dense(1024, 6 / fewer, 8, 8, 2048);
  const ModelConfig large = dense(2304, 18 / fewer, 18, 6, 9216);
  return {{"590M shape", small},
          {"590M BAM", mixed(small)},
          {"2B dense", large},
          {"2B BAM", mixed(large)}};
}

}  // namespace

void step_lines(GpuTable& table) {
  for (const NamedModel& model : models(table.size())) {
    step_lines(table, model);
  }
}

void profile_steps(GpuTable& table, const std::string& name) {
  for (NamedModel model : models(table.size())) {
    if (model.name == name) {
      model.config.n_layers = 3;
      StepBench step(table, model.config);
      for (int i = 0; i < 2; ++i) {
        Saved saved;
        step.run(saved, 0);
        table.stream().synchronise();
      }
      return;
    }
  }
  throw Error("no model is called " + name);
}

}  // namespace bam
