// Times whole training steps, optimiser included, alone or under mpirun: a line and a JSON object a
// case.
#include <omp.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "model/flops.h"
#include "parallel/mpi_session.h"
#include "parallel/trainer.h"
#include "runtime/ceiling.h"
#include "runtime/check.h"
#include "runtime/random.h"
#include "tests/bench/bench_cases.h"

namespace bam::bench {
namespace {

namespace options = boost::program_options;

struct Settings {
  std::vector<std::string> cases;
  std::vector<std::string> precisions;
  int steps = 10;
  int slices_per_peer = 2;
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
  double traced_seconds = 0;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double summed(Stream& stream, Communicator& world, double value) {
  world.all_reduce_sum(stream, std::span(&value, 1)).wait(stream);
  return value;
}

// Random tokens, one document a sequence; the same whatever the ranks.
Batch made_batch(Stream& stream, const BenchCase& each, const Layout& layout) {
  const std::int64_t first = layout.first_sequence(each.sequences);
  const std::int64_t count = layout.sequences(each.sequences);
  const std::int64_t rows = count * each.length;
  Batch batch{.sequences = count,
              .length = each.length,
              .tokens = Tensor(stream, {rows}, DType::kInt32),
              .targets = Tensor(stream, {rows}, DType::kInt32),
              .document_starts = Tensor(stream, {rows}, DType::kInt32),
              .domains = std::vector<int>(static_cast<std::size_t>(count)),
              .rank_sequences = layout.group_sequences(each.sequences)};
  const Random random(1, "bench");
  const auto token = [&](std::int64_t i) {
    const double drawn = random.uniform(static_cast<std::uint64_t>(first * each.length + i));
    return static_cast<std::int32_t>(drawn * static_cast<double>(each.config.vocabulary));
  };
  for (std::int64_t i = 0; i < rows; ++i) {
    batch.tokens.data<std::int32_t>()[i] = token(i);
    batch.targets.data<std::int32_t>()[i] = token(i + 1);
    batch.document_starts.data<std::int32_t>()[i] =
        static_cast<std::int32_t>(i / each.length * each.length);
  }
  return batch;
}

class CaseRun {
 public:
  CaseRun(Communicator& world, const BenchCase& each, Precision precision, const Settings& settings)
      : world_(world),
        case_(each),
        layout_(world, 0),
        trainer_(
            stream_, world, layout_, each.config, round_robin(each.config, world.size()),
            {.precision = precision, .optimizer = {}, .slices_per_peer = settings.slices_per_peer}),
        batch_(made_batch(stream_, each, layout_)) {
    trainer_.draw_weights(1);
  }

  Timing time(DType dtype, int steps) {
    Timing timing;
    timing.ceiling = ceiling(dtype);
    for (int i = 0; i < 3; ++i) {
      step();
    }
    memory_.reset_peak();
    std::vector<double> seconds;
    for (int i = 0; i < steps; ++i) {
      seconds.push_back(step());
    }
    timing.seconds = median(seconds);
    timing.peak_bytes = static_cast<double>(memory_.peak());
    trace_step(timing);
    timing.ceiling = std::max(timing.ceiling, ceiling(dtype));
    return timing;
  }

 private:
  // All ranks measure at once, as they compute.
  double ceiling(DType dtype) {
    world_.barrier(stream_).wait(stream_);
    return summed(stream_, world_, measure_ceiling(stream_, dtype, CeilingEffort::kThorough));
  }

  double step() {
    world_.barrier(stream_).wait(stream_);
    world_.clock().reset();
    const double start = Trace::now();
    const auto rows = static_cast<double>(case_.sequences * case_.length);
    const StepReport report = trainer_.step({.step = ++steps_,
                                             .learning_rate = 1e-4,
                                             .scored_targets = rows,
                                             .rows = rows,
                                             .batch = [&](std::int64_t) { return batch_; }});
    check(!report.skipped, "step ", steps_, " of ", case_.name, " was skipped");
    world_.barrier(stream_).wait(stream_);
    return Trace::now() - start;
  }

  void trace_step(Timing& timing) {
    Trace trace;
    stream_.record(&trace);
    timing.traced_seconds = step();
    stream_.record(nullptr);
    timing.activities = trace.seconds();
    timing.comm_seconds = world_.clock().comm_seconds();
    timing.exposed_seconds = world_.clock().exposed_seconds();
  }

  Memory memory_;
  Stream stream_{memory_};
  Communicator& world_;
  const BenchCase& case_;
  Layout layout_;
  Trainer trainer_;
  Batch batch_;
  std::int64_t steps_ = 0;
};

nlohmann::json json_of(const BenchCase& each, const std::string& precision, int ranks,
                       const Timing& timing) {
  const double flops = training_flops(each.config, static_cast<double>(each.sequences),
                                      static_cast<double>(each.length));
  const double rate = flops / timing.seconds;
  nlohmann::json line = {
      {"case", each.name},
      {"precision", precision},
      {"ranks", ranks},
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
  return line;
}

void print_heading() {
  std::printf("%-22s %-5s %-6s %7s %9s %8s %6s %9s %8s | share of the step:", "case", "dtype",
              "rank x", "step ms", "GFLOP/s", "ceiling", "share", "tokens/s", "peak MB");
  std::printf(" products attention rows routing optimiser exchange\n");
}

void print_line(const nlohmann::json& line) {
  std::printf("%-22s %-5s %d x %-2d %7.1f %9.1f %8.1f %5.1f%% %9.0f %8.1f |",
              line["case"].get<std::string>().c_str(), line["precision"].get<std::string>().c_str(),
              line["ranks"].get<int>(), line["threads_per_rank"].get<int>(),
              line["step_seconds"].get<double>() * 1e3,
              line["flops_per_second"].get<double>() / 1e9, line["ceiling"].get<double>() / 1e9,
              line["share_of_ceiling"].get<double>() * 100, line["tokens_per_second"].get<double>(),
              line["peak_bytes"].get<double>() / 1e6);
  for (std::size_t i = 0; i < kActivities; ++i) {
    const std::string name(name_of(static_cast<Activity>(i)));
    std::printf(" %5.1f%%", line["breakdown"][name].get<double>() * 100);
  }
  std::printf("\n");
  std::fflush(stdout);
}

bool is_wanted(const std::vector<std::string>& wanted, const std::string& name) {
  return wanted.empty() || std::ranges::find(wanted, name) != wanted.end();
}

int run(Communicator& world, const Settings& settings) {
  nlohmann::json all = nlohmann::json::array();
  if (world.rank() == 0) {
    print_heading();
  }
  for (const BenchCase& each : bench_cases()) {
    for (const std::string precision : {"fp32", "bf16"}) {
      if (!is_wanted(settings.cases, each.name) || !is_wanted(settings.precisions, precision)) {
        continue;
      }
      const bool is_fp32 = precision == "fp32";
      CaseRun run(world, each, is_fp32 ? Precision::kFloat32 : Precision::kBFloat16, settings);
      const Timing timing = run.time(is_fp32 ? DType::kFloat32 : DType::kBFloat16, settings.steps);
      if (world.rank() == 0) {
        all.push_back(json_of(each, precision, world.size(), timing));
        print_line(all.back());
      }
    }
  }
  if (world.rank() == 0 && !settings.json.empty()) {
    std::ofstream(settings.json) << all.dump(1) << '\n';
  }
  return 0;
}

}  // namespace
}  // namespace bam::bench

int main(int count, char** arguments) {
  bam::bench::Settings settings;
  boost::program_options::options_description known("step_bench: times training steps");
  known.add_options()("help", "this text")("case", boost::program_options::value(&settings.cases),
                                           "only this case; repeatable")(
      "precision", boost::program_options::value(&settings.precisions), "only fp32 or bf16")(
      "steps", boost::program_options::value(&settings.steps), "timed steps; the median counts")(
      "slices-per-peer", boost::program_options::value(&settings.slices_per_peer),
      "as in a config")("json", boost::program_options::value(&settings.json),
                        "file for the results");
  boost::program_options::variables_map given;
  boost::program_options::store(boost::program_options::parse_command_line(count, arguments, known),
                                given);
  boost::program_options::notify(given);
  if (given.contains("help")) {
    std::cout << known;
    return 0;
  }
  bam::MpiSession session;
  return session.guarded([&] {
    bam::Communicator world = bam::Communicator::world(session);
    return bam::bench::run(world, settings);
  });
}
