// Holds the planner's predictions against what training really does on these ranks: memory of the
// fullest rank, and the step's time at rates that are measured in the same run.
#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "launch/calibration.h"
#include "parallel/planner/cost/memory_model.h"
#include "parallel/planner/cost/step_model.h"
#include "runtime/check.h"
#include "tests/bench/bench_options.h"
#include "tests/bench/bench_session.h"
#include "tests/bench/case_trainer.h"

namespace bam::bench {
namespace {

struct Settings {
  std::vector<std::string> cases = {"dense-small", "bam-expert-kv-small", "bam-shared-kv-small",
                                    "btx-top-3-small"};
  std::string precision = "fp32";
  int steps = 5;
  bool is_memory_only = false;
  std::string json;
};

double largest(Stream& stream, Communicator& world, double value) {
  std::vector<double> all(static_cast<std::size_t>(world.size()));
  world
      .all_gather(stream, std::as_bytes(std::span(&value, 1)),
                  std::as_writable_bytes(std::span(all)))
      .wait(stream);
  return *std::max_element(all.begin(), all.end());
}

Cluster calibrated(Communicator& world, DType dtype) {
  Memory memory;
  Stream stream(memory);
  Disturbances disturbances;
  Cluster cluster{.name = "here", .nodes = 1, .ranks_per_node = world.size(), .links = {}};
  if (world.size() > 1) {
    cluster.links[static_cast<std::size_t>(LinkClass::kNode)] =
        measure_link(stream, world, world, CalibrationEffort::kThorough, disturbances);
    cluster.hides = measure_hiding(stream, world, CalibrationEffort::kThorough);
  }
  cluster.fp32 =
      measure_compute(stream, world, DType::kFloat32, CalibrationEffort::kThorough, disturbances);
  if (dtype == DType::kBFloat16) {
    cluster.bf16 =
        measure_compute(stream, world, dtype, CalibrationEffort::kThorough, disturbances);
  }
  cluster.rows = measure_rows(stream, world, CalibrationEffort::kThorough);
  return cluster;
}

struct Measured {
  double bytes = 0;
  double seconds = 0;
  CaseTrainer::TracedStep traced;  // one more, on this rank
};

Measured measure(Communicator& world, const BenchCase& each, Precision precision,
                 const Settings& settings) {
  constexpr double kLearningRate = 1e-4;
  constexpr int kFirstSteps = 4;  // routed rows come in new numbers, for which kernels are compiled
  CaseTrainer trainer(world, world, each, {.precision = precision, .optimizer = {}});
  for (int i = 0; i < kFirstSteps; ++i) {
    trainer.step(kLearningRate);
  }
  trainer.memory().reset_peak();
  std::vector<double> seconds;
  for (int i = 0; i < (settings.is_memory_only ? 1 : settings.steps); ++i) {
    seconds.push_back(trainer.step(kLearningRate));
  }
  const auto peak = static_cast<double>(trainer.memory().peak());
  Measured found{
      .bytes = largest(trainer.stream(), world, peak), .seconds = median(seconds), .traced = {}};
  found.traced = trainer.traced_step(kLearningRate);
  return found;
}

/// Seconds by activity and by kernel.
nlohmann::json traced_json(const Trace& trace) {
  nlohmann::json out;
  const auto seconds = trace.seconds();
  for (std::size_t i = 0; i < kActivities; ++i) {
    out[std::string(name_of(static_cast<Activity>(i)))] = seconds[i];
  }
  std::map<std::string, double> kernels;
  for (const Trace::Work& work : trace.work()) {
    kernels[work.name] += work.end - work.begin;
  }
  out["kernels"] = kernels;
  return out;
}

nlohmann::json compared(Communicator& world, const BenchCase& each, const Cluster& cluster,
                        Precision precision, const Settings& settings) {
  const RunShape run{.model = each.config,
                     .precision = precision,
                     .sequences = each.sequences,
                     .length = each.length};
  const RunLayout layout{.ranks = world.size(), .expert_parallel = world.size()};
  const ModelSizes sizes(run.model);
  const auto layers = even_holdings(run.model, layout.expert_parallel);
  const MemoryPrediction memory = predict_memory(run, sizes, layout, layers);
  const Measured found = measure(world, each, precision, settings);
  nlohmann::json out = {{"case", each.name},
                        {"ranks", world.size()},
                        {"precision", settings.precision},
                        {"bytes", found.bytes},
                        {"predicted_bytes", memory.total()},
                        {"memory_ratio", memory.total() / found.bytes}};
  if (settings.is_memory_only) {
    return out;
  }
  const StepPrediction step = predict_step(run, sizes, layout, cluster, layers);
  out["seconds"] = found.seconds;
  out["predicted_seconds"] = step.seconds();
  out["time_ratio"] = step.seconds() / found.seconds;
  out["predicted"] = {{"products", step.forward.products + step.backward.products},
                      {"attention", step.forward.attention + step.backward.attention},
                      {"rows", step.forward.rows + step.backward.rows},
                      {"optimizer", step.optimizer},
                      {"exposed", step.exposed}};
  out["traced"] = traced_json(found.traced.trace);
  out["traced"]["seconds"] = found.traced.seconds;
  out["hides"] = cluster.hides;
  return out;
}

void print_line(const nlohmann::json& line) {
  std::printf("%-22s %s, %d ranks: %8.1f MB, predicted %8.1f MB (%+.1f %%)",
              line["case"].get<std::string>().c_str(), line["precision"].get<std::string>().c_str(),
              line["ranks"].get<int>(), line["bytes"].get<double>() / 1e6,
              line["predicted_bytes"].get<double>() / 1e6,
              100 * (line["memory_ratio"].get<double>() - 1));
  if (line.contains("seconds")) {
    std::printf("; step %7.1f ms, predicted %7.1f ms (%+.1f %%)",
                line["seconds"].get<double>() * 1e3, line["predicted_seconds"].get<double>() * 1e3,
                100 * (line["time_ratio"].get<double>() - 1));
  }
  std::printf("\n");
  std::fflush(stdout);
}

int run(Communicator& world, const Settings& settings) {
  check_input(settings.precision == "fp32" || settings.precision == "bf16",
              "--precision: ", settings.precision, " is none of fp32, bf16");
  const Precision precision =
      settings.precision == "fp32" ? Precision::kFloat32 : Precision::kBFloat16;
  const DType dtype = settings.precision == "fp32" ? DType::kFloat32 : DType::kBFloat16;
  const Cluster cluster = settings.is_memory_only ? Cluster() : calibrated(world, dtype);
  nlohmann::json all = nlohmann::json::array();
  for (const BenchCase& each : bench_cases()) {
    if (std::ranges::find(settings.cases, each.name) == settings.cases.end()) {
      continue;
    }
    all.push_back(compared(world, each, cluster, precision, settings));
    if (world.rank() == 0) {
      print_line(all.back());
    }
  }
  write_results(world, settings.json, all);
  return 0;
}

}  // namespace
}  // namespace bam::bench

int main(int count, char** arguments) {
  namespace options = boost::program_options;
  bam::bench::Settings settings;
  options::options_description known(
      "plan_bench: predicted against measured, alone or under mpirun");
  auto add = known.add_options();
  add("help", "this text");
  add("case", options::value(&settings.cases), "these cases (default: four small ones)");
  add("precision", options::value(&settings.precision), "fp32 or bf16");
  add("steps", options::value(&settings.steps), "timed steps; the median counts");
  add("memory", options::bool_switch(&settings.is_memory_only), "memory alone");
  add("json", options::value(&settings.json), "file for the results");
  if (!bam::bench::read_options(count, arguments, known)) {
    return 0;
  }
  return bam::bench::on_ranks(
      [&](bam::Communicator& world) { return bam::bench::run(world, settings); });
}
