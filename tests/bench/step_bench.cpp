// Times whole training steps, optimiser included, alone or under mpirun: a line and a JSON object a
// case.
#include <omp.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "model/flops.h"
#include "model/memory_need.h"
#include "runtime/ceiling.h"
#include "runtime/check.h"
#include "tests/bench/bench_options.h"
#include "tests/bench/bench_session.h"
#include "tests/bench/case_trainer.h"

namespace bam::bench {
namespace {

struct Settings {
  std::vector<std::string> cases;
  std::vector<std::string> precisions;
  int steps = 10;
  int slices_per_peer = 2;
  std::int64_t length = 0;  // 0: the case's; then as many sequences as keep the tokens
  int layers = 0;           // 0: the case's
  int experts = 0;          // of attention and FFN; 0: the case's
  std::string json;
};

// What one case's timing found, over all ranks.
struct Timing {
  double seconds = 0;       // a step, the median
  double ceiling = 0;       // operations a second
  double peak_bytes = 0;    // of tensors, the largest rank's
  double comm_seconds = 0;  // of the traced step
  double exposed_seconds = 0;
  std::array<double, kActivities> activities{};  // seconds of the traced step, rank 0
  double statistics_seconds = 0;
  double traced_seconds = 0;
};

double summed(Stream& stream, Communicator& world, double value) {
  world.all_reduce_sum(stream, std::span(&value, 1)).wait(stream);
  return value;
}

// All ranks measure at once, as they compute.
double ceiling(Stream& stream, Communicator& world, DType dtype) {
  world.barrier(stream).wait(stream);
  return summed(stream, world, measure_ceiling(stream, dtype, CeilingEffort::kThorough));
}

// Seconds of routing statistics in the traced step, which are part of routing and permutation.
double statistics_seconds(const Trace& trace) {
  double seconds = 0;
  for (const Trace::Work& work : trace.work()) {
    seconds += std::string_view(work.name) == "routing_sums" ? work.end - work.begin : 0;
  }
  return seconds;
}

Timing time_case(Communicator& world, const BenchCase& each, Precision precision,
                 const Settings& settings) {
  constexpr double kLearningRate = 1e-4;
  constexpr int kWarmUp = 3;
  CaseTrainer trainer(
      world, world, each,
      {.precision = precision, .optimizer = {}, .slices_per_peer = settings.slices_per_peer});
  const DType dtype = precision == Precision::kFloat32 ? DType::kFloat32 : DType::kBFloat16;
  Timing timing{.ceiling = ceiling(trainer.stream(), world, dtype)};
  for (int i = 0; i < kWarmUp; ++i) {
    trainer.step(kLearningRate);
  }
  trainer.memory().reset_peak();
  std::vector<double> seconds;
  for (int i = 0; i < settings.steps; ++i) {
    seconds.push_back(trainer.step(kLearningRate));
  }
  timing.seconds = median(seconds);
  timing.peak_bytes = static_cast<double>(trainer.memory().peak());
  const CaseTrainer::TracedStep traced = trainer.traced_step(kLearningRate);
  timing.activities = traced.trace.seconds();
  timing.statistics_seconds = statistics_seconds(traced.trace);
  timing.traced_seconds = traced.seconds;
  timing.comm_seconds = world.clock().times().comm_seconds;
  timing.exposed_seconds = world.clock().times().exposed_seconds;
  timing.ceiling = std::max(timing.ceiling, ceiling(trainer.stream(), world, dtype));
  return timing;
}

nlohmann::json json_of(const BenchCase& each, const std::string& precision, int ranks,
                       const Timing& timing) {
  const double flops = training_flops(each.config, static_cast<double>(each.sequences),
                                      static_cast<double>(each.length));
  const double rate = flops / timing.seconds;
  nlohmann::json line = {
      {"case", each.name},
      {"precision", precision},
      {"ranks", ranks},
      {"length", each.length},
      {"layers", each.config.n_layers},
      {"experts", each.config.ffn_experts()},
      {"threads_per_rank", omp_get_max_threads()},
      {"step_seconds", timing.seconds},
      {"step_flops", flops},
      {"flops_per_second", rate},
      {"ceiling", timing.ceiling},
      {"share_of_ceiling", rate / timing.ceiling},
      {"tokens_per_second", static_cast<double>(each.sequences * each.length) / timing.seconds},
      {"peak_bytes", timing.peak_bytes},
      {"comm_seconds", timing.comm_seconds},
      {"exposed_comm_seconds", timing.exposed_seconds}};
  for (std::size_t i = 0; i < kActivities; ++i) {
    line["breakdown"][std::string(name_of(static_cast<Activity>(i)))] =
        timing.activities[i] / timing.traced_seconds;
  }
  line["routing_statistics"] = timing.statistics_seconds / timing.traced_seconds;
  return line;
}

void print_heading() {
  std::printf("%-22s %-5s %-6s %7s %9s %8s %6s %9s %8s %6s | share of the step:", "case", "dtype",
              "rank x", "step ms", "GFLOP/s", "ceiling", "share", "tokens/s", "peak MB", "/need");
  std::printf(" products attention rows routing optimiser exchange\n");
}

void print_line(const nlohmann::json& line) {
  std::printf("%-22s %-5s %d x %-2d %7.1f %9.1f %8.1f %5.1f%% %9.0f %8.1f %6.3f |",
              line["case"].get<std::string>().c_str(), line["precision"].get<std::string>().c_str(),
              line["ranks"].get<int>(), line["threads_per_rank"].get<int>(),
              line["step_seconds"].get<double>() * 1e3,
              line["flops_per_second"].get<double>() / 1e9, line["ceiling"].get<double>() / 1e9,
              line["share_of_ceiling"].get<double>() * 100, line["tokens_per_second"].get<double>(),
              line["peak_bytes"].get<double>() / 1e6, line["memory_ratio"].get<double>());
  for (std::size_t i = 0; i < kActivities; ++i) {
    const std::string name(name_of(static_cast<Activity>(i)));
    std::printf(" %5.1f%%", line["breakdown"][name].get<double>() * 100);
  }
  std::printf("\n");
  std::fflush(stdout);
}

BenchCase adjusted(BenchCase each, const Settings& settings) {
  if (settings.length > 0) {
    each.sequences = std::max<std::int64_t>(1, each.sequences * each.length / settings.length);
    each.length = settings.length;
  }
  each.config.n_layers = settings.layers > 0 ? settings.layers : each.config.n_layers;
  if (each.config.mixture && settings.experts > 0) {
    each.config.mixture->ffn.experts = settings.experts;
    if (each.config.mixture->attention) {
      each.config.mixture->attention->experts = settings.experts;
    }
  }
  return each;
}

// Peak over what this rank (0) must keep.
double memory_ratio(const BenchCase& each, Precision precision, int ranks, const Timing& timing) {
  const std::int64_t rows = each.sequences * each.length;
  const RankRows held{
      .own = dealt_to(0, ranks, each.sequences) * each.length, .group = rows, .copies = ranks};
  const Placement placement = round_robin(each.config, ranks);
  return timing.peak_bytes / memory_need(each.config, placement, 0, held, precision).total();
}

bool is_wanted(const std::vector<std::string>& wanted, const std::string& name) {
  return wanted.empty() || std::ranges::find(wanted, name) != wanted.end();
}

void check_settings(const Settings& settings) {
  check_input(settings.steps > 0, "--steps: ", settings.steps, " where a positive number was expected");
  const std::vector<BenchCase> cases = bench_cases();
  for (const std::string& name : settings.cases) {
    check_input(std::ranges::find(cases, name, &BenchCase::name) != cases.end(), "--case: ", name,
                " is none of the benchmark's cases");
  }
  for (const std::string& precision : settings.precisions) {
    check_input(precision == "fp32" || precision == "bf16", "--precision: ", precision,
                " is none of fp32, bf16");
  }
}

int run(Communicator& world, const Settings& settings) {
  check_settings(settings);
  nlohmann::json all = nlohmann::json::array();
  if (world.rank() == 0) {
    print_heading();
  }
  for (const BenchCase& standard : bench_cases()) {
    const BenchCase each = adjusted(standard, settings);
    for (const std::string precision : {"fp32", "bf16"}) {
      if (!is_wanted(settings.cases, each.name) || !is_wanted(settings.precisions, precision)) {
        continue;
      }
      const Precision products = precision == "fp32" ? Precision::kFloat32 : Precision::kBFloat16;
      const Timing timing = time_case(world, each, products, settings);
      if (world.rank() == 0) {
        all.push_back(json_of(each, precision, world.size(), timing));
        all.back()["memory_ratio"] = memory_ratio(each, products, world.size(), timing);
        print_line(all.back());
      }
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
  options::options_description known("step_bench: times training steps, alone or under mpirun");
  auto add = known.add_options();
  add("help", "this text");
  add("case", options::value(&settings.cases), "only this case; repeatable");
  add("precision", options::value(&settings.precisions), "only fp32 or bf16");
  add("steps", options::value(&settings.steps), "timed steps; the median counts");
  add("slices-per-peer", options::value(&settings.slices_per_peer), "as in a config");
  add("length", options::value(&settings.length), "tokens a sequence; the tokens of a step stay");
  add("layers", options::value(&settings.layers), "blocks");
  add("experts", options::value(&settings.experts), "attention and FFN experts of mixtures");
  add("json", options::value(&settings.json), "file for the results");
  if (!bam::bench::read_options(count, arguments, known)) {
    return 0;
  }
  return bam::bench::on_ranks(
      [&](bam::Communicator& world) { return bam::bench::run(world, settings); });
}
