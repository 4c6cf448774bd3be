#pragma once

#include <vector>

#include "parallel/trainer.h"
#include "tests/bench/bench_cases.h"

namespace bam::bench {

double median(std::vector<double> values);

/// A case's model, its optimiser and one batch of random tokens, ready to be stepped.
class CaseTrainer {
 public:
  /// world: what the steps exchange over; watch: all ranks, to start and stop the time together.
  CaseTrainer(Communicator& world, Communicator& watch, const BenchCase& each,
              const TrainerOptions& options);

  /// Seconds from the moment all ranks start a step until all have ended it. With a learning rate
  /// of 0 every step is the same to the bit.
  double step(double learning_rate);
  /// The same, recorded. `origin`: see write_trace.
  struct TracedStep {
    Trace trace;
    double origin = 0;
    double seconds = 0;
  };
  TracedStep traced_step(double learning_rate);

  Stream& stream() { return stream_; }
  Memory& memory() { return memory_; }
  Trainer& trainer() { return trainer_; }

 private:
  Memory memory_;
  Stream stream_{memory_};
  Communicator& world_;
  Communicator& watch_;
  BenchCase case_;
  Layout layout_;
  Trainer trainer_;
  Batch batch_;
  std::int64_t steps_ = 0;
};

}  // namespace bam::bench
