// How much of a step's exchange the computation hides, on whatever network joins the ranks: the
// same step with its exchange, without any, and the exchange alone. Run under mpirun.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "io/trace_file.h"
#include "parallel/mpi_session.h"
#include "runtime/check.h"
#include "tests/bench/bench_options.h"
#include "tests/bench/case_trainer.h"
#include "tests/bench/taped_backend.h"

namespace bam::bench {
namespace {

struct Settings {
  std::string case_name = "bam-expert-kv-medium";
  std::string precision = "fp32";
  int steps = 5;
  int slices_per_peer = 2;
  std::string json;
  std::string trace_folder;
};

// All in seconds; of all ranks together, since they start and end a step together.
struct Measured {
  double compute = 0;   // fastest unsliced step that exchanges and polls nothing
  double exchange = 0;  // the same messages alone, fastest
  double on = 0;        // median step with overlap
  double off = 0;       // median step, each transfer waited for at once
  double waited = 0;    // of the median step with overlap, inside waits, this rank
  double bytes = 0;     // sent a step by this rank
};

BenchCase case_named(const std::string& name) {
  const std::vector<BenchCase> cases = bench_cases();
  const auto found = std::ranges::find(cases, name, &BenchCase::name);
  check_input(found != cases.end(), "--case: ", name, " is none of the benchmark's cases");
  return *found;
}

class OverlapBench {
 public:
  OverlapBench(const MpiSession& session, const Settings& settings)
      : settings_(settings),
        case_(case_named(settings.case_name)),
        watch_(Communicator::world(session)),
        world_(taped(Communicator::mpi(session), tape_)) {}

  Measured run() {
    check_input(settings_.steps > 0, "--steps: ", settings_.steps,
                " where a positive number was expected");
    check_input(settings_.precision == "fp32" || settings_.precision == "bf16", "--precision: ",
                settings_.precision, " is none of fp32, bf16");
    Measured measured;
    measured.compute = compute();
    with_overlap(measured);
    measured.off = without_overlap();
    return measured;
  }
  const Communicator& world() const { return world_; }

 private:
  TrainerOptions options(int slices, Overlap overlap) const {
    return {.precision = settings_.precision == "bf16" ? Precision::kBFloat16 : Precision::kFloat32,
            .optimizer = {},
            .overlap = overlap,
            .slices_per_peer = slices};
  }

  double step(CaseTrainer& trainer, TapeMode mode) {
    tape_->rewind(mode);
    const double seconds = trainer.step(/*learning_rate=*/0);
    tape_->rewind(TapeMode::kPass);
    return seconds;
  }

  double compute() {
    CaseTrainer trainer(world_, watch_, case_, options(1, Overlap::kOn));
    trainer.stream().on_poll(nullptr);
    step(trainer, TapeMode::kPass);
    step(trainer, TapeMode::kRecord);
    std::vector<double> seconds;
    for (int i = 0; i < settings_.steps + 1; ++i) {
      seconds.push_back(step(trainer, TapeMode::kReplay));
    }
    return *std::ranges::min_element(seconds);
  }

  void with_overlap(Measured& measured) {
    CaseTrainer trainer(world_, watch_, case_, options(settings_.slices_per_peer, Overlap::kOn));
    step(trainer, TapeMode::kPass);
    std::vector<double> seconds;
    std::vector<double> waited;
    for (int i = 0; i < settings_.steps; ++i) {
      seconds.push_back(step(trainer, TapeMode::kPass));
      waited.push_back(world_.clock().times().exposed_seconds);
      measured.bytes = static_cast<double>(world_.clock().times().bytes_sent);
    }
    measured.on = median(seconds);
    measured.waited = median(waited);
    if (!settings_.trace_folder.empty()) {
      const CaseTrainer::TracedStep traced = trainer.traced_step(0);
      const std::string name = "trace-rank-" + std::to_string(world_.rank()) + ".json";
      write_trace(settings_.trace_folder + "/" + name, traced.trace, world_.rank(), traced.origin);
    }
    step(trainer, TapeMode::kRecord);
    measured.exchange = exchange(trainer.stream());
  }

  double without_overlap() {
    CaseTrainer trainer(world_, watch_, case_, options(settings_.slices_per_peer, Overlap::kOff));
    step(trainer, TapeMode::kPass);
    std::vector<double> seconds;
    for (int i = 0; i < settings_.steps; ++i) {
      seconds.push_back(step(trainer, TapeMode::kPass));
    }
    return median(seconds);
  }

  // The recorded messages, two groups in flight, in their order.
  double exchange(Stream& stream) {
    std::vector<double> seconds;
    for (int i = 0; i < 3; ++i) {
      watch_.barrier(stream).wait(stream);
      const double start = Trace::now();
      Pending last;
      for (const TapedTransfer* taped : tape_->transfers()) {
        Pending next = watch_.transfer(stream, rows_for(stream, taped->sends),
                                       rows_for(stream, taped->receives));
        last.wait(stream);
        last = std::move(next);
      }
      last.wait(stream);
      watch_.barrier(stream).wait(stream);
      seconds.push_back(Trace::now() - start);
    }
    return *std::ranges::min_element(seconds);
  }

  static std::vector<Transfer> rows_for(Stream& stream,
                                        const std::vector<TapedTransfer::Message>& messages) {
    std::vector<Transfer> transfers;
    for (const TapedTransfer::Message& message : messages) {
      const auto elements = static_cast<std::int64_t>(message.bytes / sizeof(bfloat16));
      transfers.push_back({message.peer, Tensor(stream, {elements}, DType::kBFloat16)});
    }
    return transfers;
  }

  const Settings& settings_;
  BenchCase case_;
  std::shared_ptr<Tape> tape_ = std::make_shared<Tape>();
  Communicator watch_;
  Communicator world_;
};

int report(const Measured& measured, const Settings& settings, int ranks) {
  const double hidden = 1 - (measured.on - measured.compute) / measured.exchange;
  const nlohmann::json line = {{"case", settings.case_name},
                               {"precision", settings.precision},
                               {"ranks", ranks},
                               {"slices_per_peer", settings.slices_per_peer},
                               {"compute_seconds", measured.compute},
                               {"exchange_seconds", measured.exchange},
                               {"bytes_sent", measured.bytes},
                               {"exchange_to_compute", measured.exchange / measured.compute},
                               {"step_seconds", measured.on},
                               {"step_seconds_overlap_off", measured.off},
                               {"step_to_compute", measured.on / measured.compute},
                               {"step_to_compute_overlap_off", measured.off / measured.compute},
                               {"hidden", hidden},
                               {"waited_seconds", measured.waited}};
  std::cout << line.dump(1) << std::endl;
  if (!settings.json.empty()) {
    std::ofstream(settings.json) << line.dump(1) << '\n';
  }
  return 0;
}

}  // namespace
}  // namespace bam::bench

int main(int count, char** arguments) {
  namespace options = boost::program_options;
  bam::bench::Settings settings;
  options::options_description known("overlap_bench: how much of the exchange is hidden");
  auto add = known.add_options();
  add("help", "this text");
  add("case", options::value(&settings.case_name), "the benchmark's case");
  add("precision", options::value(&settings.precision), "fp32 or bf16");
  add("steps", options::value(&settings.steps), "timed steps of each kind");
  add("slices-per-peer", options::value(&settings.slices_per_peer), "as in a config");
  add("json", options::value(&settings.json), "file for the result");
  add("trace", options::value(&settings.trace_folder), "folder for the ranks' traces of one step");
  if (!bam::bench::read_options(count, arguments, known)) {
    return 0;
  }
  bam::MpiSession session;
  return session.guarded([&] {
    bam::bench::OverlapBench bench(session, settings);
    const bam::bench::Measured measured = bench.run();
    const int ranks = bench.world().size();
    return bench.world().rank() == 0 ? bam::bench::report(measured, settings, ranks) : 0;
  });
}
