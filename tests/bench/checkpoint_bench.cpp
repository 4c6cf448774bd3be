// What a checkpoint costs training, alone or under mpirun: how long the loop waits beside a plain
// copy of the same tiles, how fast it is written and read back, and what steps lose meanwhile. One
// JSON object; launch/bench --checkpoint holds it against fio.
#include <fcntl.h>
#include <omp.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "io/checkpoint_reader.h"
#include "io/checkpoint_state.h"
#include "io/checkpoint_writer.h"
#include "io/text_proto.h"
#include "runtime/check.h"
#include "tests/bench/bench_options.h"
#include "tests/bench/bench_session.h"
#include "tests/bench/case_trainer.h"

namespace bam::bench {
namespace {

constexpr double kLearningRate = 1e-4;

struct Settings {
  std::string name = "bam-expert-kv-medium";
  std::string folder;
  int repetitions = 5;
  std::string json;
};

/// One sequence a rank: steps then take little longer than a write, and what it costs them shows.
BenchCase case_named(const std::string& name, int ranks) {
  std::vector<BenchCase> cases = bench_cases();
  const auto found = std::ranges::find(cases, name, &BenchCase::name);
  check_input(found != cases.end(), "--case: ", name, " is none of the benchmark's cases");
  found->sequences = ranks;
  return *found;
}

std::string text_of(const MixtureConfig& mixture) {
  std::string attention;
  if (mixture.attention) {
    const bool is_shared = mixture.attention->key_value == KeyValue::kShared;
    attention = message_of("attention { experts: ", mixture.attention->experts,
                           is_shared ? " key_value: SHARED }" : " }");
  }
  return message_of(" mixture { ", attention, " ffn { experts: ", mixture.ffn.experts,
                    " top_k: ", mixture.ffn.top_k, " } }");
}

/// A config with the case's model, as a manifest needs one.
proto::RunConfig config_of(const ModelConfig& model) {
  proto::RunConfig config;
  parse_text_proto(
      message_of("model { vocabulary: ", model.vocabulary, " d_model: ", model.d_model,
                 " n_layers: ", model.n_layers, " n_heads: ", model.n_heads,
                 " n_kv_heads: ", model.n_kv_heads, " ffn_hidden: ", model.ffn_hidden,
                 model.mixture ? text_of(*model.mixture) : "",
                 " } data { domains { name: 'made' path: 'made.h5' } sequence_length: 8 } ",
                 "training { steps: 1 sequences_per_step: 1 } optimizer { learning_rate: 1 }"),
      "checkpoint_bench", config);
  return with_defaults(config);
}

/// The largest of what the ranks give.
double largest(Stream& stream, Communicator& world, double value) {
  std::vector<double> all(static_cast<std::size_t>(world.size()));
  world
      .all_gather(stream, std::as_bytes(std::span(&value, 1)),
                  std::as_writable_bytes(std::span(all)))
      .wait(stream);
  return std::ranges::max(all);
}

/// One rank's part of the benchmark.
class CheckpointBench {
 public:
  CheckpointBench(Communicator& world, const Settings& settings)
      : world_(world),
        settings_(settings),
        each_(case_named(settings.name, world.size())),
        trainer_(world, world, each_, {.optimizer = {}}),
        peers_(trainer_.stream(), world),
        config_(config_of(each_.config)),
        tiles_(owned_tiles(trainer_.trainer().optimizer())),
        writer_(peers_,
                {settings.folder,
                 trainer_.trainer().store().specs(),
                 stored_states(config_),
                 {.keep_last = 1}},
                tiles_, &trainer_.stream()) {}

  nlohmann::json run() {
    nlohmann::json result = {{"case", settings_.name},
                             {"ranks", world_.size()},
                             {"threads_per_rank", omp_get_max_threads()}};
    trainer_.step(kLearningRate);  // moments that are not all zero
    measure_alone(result);
    measure_reading(result);
    measure_beside_steps(result);
    return result;
  }

 private:
  void save() {
    writer_.save({.step = ++saves_, .config = config_, .tokenizer = "made", .parents = {}});
  }
  /// Of the one save that is over; none where it is on its way.
  std::optional<SaveReport> report() {
    const std::vector<SaveReport> reports = writer_.take_reports();
    if (reports.empty()) {
      return std::nullopt;
    }
    check(reports[0].failure.empty(), reports[0].failure);
    return reports[0];
  }

  double copy_seconds() {
    const double start = Trace::now();
    float* place = copies_.data();
    for (const OwnedTile& tile : tiles_) {
      for (const std::span<float> values : {tile.weight, tile.first_moment, tile.second_moment}) {
        std::memcpy(place, values.data(), values.size_bytes());
        place += values.size();
      }
    }
    return Trace::now() - start;
  }

  /// Ranks copy at once, as they do when they save.
  void measure_alone(nlohmann::json& result) {
    std::size_t elements = 0;
    for (const OwnedTile& tile : tiles_) {
      elements += tile.weight.size() + tile.first_moment.size() + tile.second_moment.size();
    }
    copies_.resize(elements);
    std::vector<double> copied;
    std::vector<double> blocked;
    for (int i = 0; i < settings_.repetitions; ++i) {
      copy_seconds();  // warm
      world_.barrier(trainer_.stream()).wait(trainer_.stream());
      copied.push_back(largest(trainer_.stream(), world_, copy_seconds()));
      world_.barrier(trainer_.stream()).wait(trainer_.stream());
      const double start = Trace::now();
      save();
      const double saved = Trace::now();
      writer_.finish();
      result["write_seconds"].push_back(Trace::now() - saved);
      blocked.push_back(largest(trainer_.stream(), world_, saved - start));
      result["bytes"] = report()->bytes;
    }
    std::vector<float>().swap(copies_);
    result["copy_seconds"] = copied;
    result["blocked_seconds"] = blocked;
  }

  /// Each rank reads the tiles that it owns; none is in the page cache.
  void measure_reading(nlohmann::json& result) {
    for (int i = 0; i < settings_.repetitions; ++i) {
      drop_cache();
      world_.barrier(trainer_.stream()).wait(trainer_.stream());
      const double start = Trace::now();
      const CheckpointReader checkpoint(settings_.folder);
      read_state(checkpoint, trainer_.trainer().store().specs(), Moments::kRead,
                 trainer_.trainer().optimizer());
      result["read_seconds"].push_back(largest(trainer_.stream(), world_, Trace::now() - start));
    }
  }

  void drop_cache() {
    if (world_.rank() == 0) {
      const CheckpointReader checkpoint(settings_.folder);
      const OpenFile data(checkpoint.path() / kDataFile, OpenFile::Mode::kRead);
      data.sync();
      check(::posix_fadvise(data.descriptor(), 0, 0, POSIX_FADV_DONTNEED) == 0,
            "the page cache cannot be dropped");
    }
  }

  /// Steps go on until a write that began before the first of them is over.
  void measure_beside_steps(nlohmann::json& result) {
    std::vector<double> normal;
    for (int i = 0; i < 2 * settings_.repetitions; ++i) {
      normal.push_back(trainer_.step(kLearningRate));
    }
    const double step = median(normal);
    for (int i = 0; i < settings_.repetitions; ++i) {
      save();
      double steps = 0;
      double seconds = 0;
      std::optional<SaveReport> over;
      while (!over) {
        seconds += trainer_.step(kLearningRate);
        ++steps;
        double ready = writer_.is_ready() ? 1 : 0;
        world_.all_reduce_sum(trainer_.stream(), std::span(&ready, 1)).wait(trainer_.stream());
        if (ready == world_.size()) {
          writer_.advance();
        }
        over = report();
      }
      result["beside_steps"].push_back({{"steps", steps},
                                        {"seconds", seconds},
                                        {"tiles_seconds", over->tiles_seconds},
                                        {"blocked_seconds", over->blocked_seconds}});
    }
    result["step_seconds"] = step;
  }

  Communicator& world_;
  Settings settings_;
  BenchCase each_;
  CaseTrainer trainer_;
  CommunicatorPeers peers_;
  proto::RunConfig config_;
  std::vector<OwnedTile> tiles_;
  std::vector<float> copies_;  // of all tiles
  CheckpointWriter writer_;
  std::int64_t saves_ = 0;
};

int run(Communicator& world, const Settings& settings) {
  check_input(!settings.folder.empty(), "--folder: where checkpoints are to be written");
  check_input(settings.repetitions > 0, "--repetitions: ", settings.repetitions);
  const nlohmann::json result = CheckpointBench(world, settings).run();
  write_results(world, settings.json, result);
  return 0;
}

}  // namespace
}  // namespace bam::bench

int main(int count, char** arguments) {
  namespace options = boost::program_options;
  bam::bench::Settings settings;
  options::options_description known(
      "checkpoint_bench: times saving and loading, alone or under mpirun");
  auto add = known.add_options();
  add("help", "this text");
  add("case", options::value(&settings.name), "the model");
  add("folder", options::value(&settings.folder), "for the checkpoints, one at a time");
  add("repetitions", options::value(&settings.repetitions), "the median counts");
  add("json", options::value(&settings.json), "file for the results");
  if (!bam::bench::read_options(count, arguments, known)) {
    return 0;
  }
  return bam::bench::on_ranks(
      [&](bam::Communicator& world) { return bam::bench::run(world, settings); });
}
