// A checkpoint saved at any layout is the same file, and loads at any other.
#include <gtest/gtest.h>

#include <algorithm>

#include "io/checkpoint_state.h"
#include "io/checkpoint_writer.h"
#include "io/text_file.h"
#include "io/text_proto.h"
#include "parallel/layout.h"
#include "runtime/check.h"
#include "tests/parallel/ranks.h"
#include "tests/parallel/shared_folder.h"

namespace bam::testing {
namespace {

namespace fs = std::filesystem;

struct Ranks {
  int all;
  int expert_parallel;

  std::string name() const { return message_of("ranks-", all, "-experts-", expert_parallel); }
};

const std::vector<Ranks> kLayouts = {{1, 1}, {2, 1}, {2, 2}, {3, 1}, {3, 3},
                                     {4, 1}, {4, 2}, {4, 4}, {7, 1}, {7, 7}};

// Embeddings of more than one tile; neither 3 attention experts nor 5 FFN experts divide evenly,
// and seven ranks have some without any.
proto::RunConfig config() {
  proto::RunConfig config;
  parse_text_proto(R"(
      model { vocabulary: 33000 d_model: 8 n_layers: 2 n_heads: 2 ffn_hidden: 6
              mixture { attention { experts: 3 } ffn { experts: 5 top_k: 2 } } }
      data { domains { name: "code" path: "code.h5" } sequence_length: 4 }
      training { steps: 10 sequences_per_step: 4 }
      optimizer { learning_rate: 0.001 })",
                   "layouts", config);
  return with_defaults(config);
}

float moment_of(StateKind kind, const Tile& tile, std::int64_t element) {
  const double place = static_cast<double>(tile.spec) + 1e-6 * static_cast<double>(element);
  return static_cast<float>(kind == StateKind::kFirstMoment ? place : -place);
}

/// One rank of a layout: what it holds of the model.
class Rank {
 public:
  Rank(Communicator& ranks, int expert_parallel)
      : layout_(ranks, expert_parallel),
        placement_(round_robin(model(), layout_.expert_parallel())),
        store_(stream_, model(), placement_, layout_.expert_group().rank(), Precision::kFloat32,
               ParameterStore::Gradients::kTrained),
        optimizer_(stream_, store_, ranks, layout_.data_group(), placement_, {}) {}

  void fill() {
    optimizer_.for_each_owned_tile([&](const OwnedTile& owned) {
      const ParameterSpec& spec = specs()[static_cast<std::size_t>(owned.tile.spec)];
      const Tensor values = initial_values(stream_, spec, 7, owned.tile.begin, owned.tile.end);
      std::ranges::copy(values.span<float>(), owned.weight.begin());
      for (std::size_t i = 0; i < owned.weight.size(); ++i) {
        const std::int64_t element = owned.tile.begin + static_cast<std::int64_t>(i);
        owned.first_moment[i] = moment_of(StateKind::kFirstMoment, owned.tile, element);
        owned.second_moment[i] = moment_of(StateKind::kSecondMoment, owned.tile, element);
      }
    });
  }

  /// Writes step 1 from copies, which what is done to the tiles meanwhile does not reach.
  void save(CheckpointPeers& peers, const fs::path& folder) {
    CheckpointWriter writer(peers, {folder, specs(), stored_states(config()), {}},
                            owned_tiles(optimizer_), &stream_);
    writer.save({.step = 1, .config = config(), .tokenizer = "made", .parents = {}});
    optimizer_.for_each_owned_tile(
        [](const OwnedTile& owned) { std::ranges::fill(owned.weight, -1.0F); });
    writer.finish();
    EXPECT_EQ(writer.take_reports().back().failure, "");
  }

  /// Loads it, and counts the tiles whose hash is the one in the manifest.
  std::int64_t tiles_loaded(const CheckpointReader& checkpoint) {
    read_state(checkpoint, specs(), Moments::kRead, optimizer_);
    std::int64_t same = 0;
    optimizer_.for_each_owned_tile([&](const OwnedTile& owned) {
      same += is_same(checkpoint, StateKind::kWeight, owned.tile, owned.weight);
      same += is_same(checkpoint, StateKind::kFirstMoment, owned.tile, owned.first_moment);
      same += is_same(checkpoint, StateKind::kSecondMoment, owned.tile, owned.second_moment);
    });
    return same;
  }

 private:
  static ModelConfig model() { return run_config_of(config(), "layouts").model; }
  const std::vector<ParameterSpec>& specs() const { return store_.specs(); }

  std::int64_t is_same(const CheckpointReader& checkpoint, StateKind kind, const Tile& tile,
                       std::span<const float> values) const {
    const ParameterSpec& spec = specs()[static_cast<std::size_t>(tile.spec)];
    for (const proto::DataSet& data_set : checkpoint.data_sets()) {
      if (data_set.path() == data_set_path(kind, spec.tensor)) {
        const Hash128 hash = hash_of(std::as_bytes(values));
        const auto at = static_cast<std::size_t>(tile_index(spec, tile.begin)) * hash.size();
        return data_set.tile_hashes().compare(
                   at, hash.size(), reinterpret_cast<const char*>(hash.data()), hash.size()) == 0;
      }
    }
    return 0;
  }

  Memory memory_;
  Stream stream_{memory_};
  Layout layout_;
  Placement placement_;
  ParameterStore store_;
  ShardedOptimizer optimizer_;
};

class CheckpointLayouts : public ::testing::Test {
 protected:
  /// work(ranks of the layout) on those of them that it has; the others wait.
  template <class Work>
  void on(const Ranks& layout, Work work) {
    Communicator ranks = world().split(world().rank() < layout.all ? 0 : 1, world().rank());
    if (world().rank() < layout.all) {
      work(ranks);
    }
    world().barrier(stream_).wait(stream_);
  }

  Memory memory_;
  Stream stream_{memory_};
  CommunicatorPeers peers_{stream_, world()};
};

TEST_F(CheckpointLayouts, AllSaveTheSameBytesAndLoadEachOthers) {
  const SharedFolder folder(peers_);
  for (const Ranks& layout : kLayouts) {
    on(layout, [&](Communicator& ranks) {
      Rank rank(ranks, layout.expert_parallel);
      rank.fill();
      CommunicatorPeers peers(stream_, ranks);
      rank.save(peers, folder.path() / layout.name());
    });
  }
  const auto data_of = [&](const Ranks& layout) {
    return read_file(folder.path() / layout.name() / "step-1" / kDataFile);
  };
  for (const Ranks& saved : kLayouts) {
    const CheckpointReader checkpoint(folder.path() / saved.name());
    EXPECT_TRUE(world().rank() > 0 || data_of(saved) == data_of(kLayouts[0])) << saved.name();
    const std::size_t tiles = kStateKinds.size() * tiles_of(checkpoint.specs()).size();
    for (const Ranks& loaded : kLayouts) {
      on(loaded, [&](Communicator& ranks) {
        Rank rank(ranks, loaded.expert_parallel);
        auto same = static_cast<double>(rank.tiles_loaded(checkpoint));
        ranks.all_reduce_sum(stream_, std::span(&same, 1)).wait(stream_);
        EXPECT_EQ(same, static_cast<double>(tiles)) << saved.name() << " at " << loaded.name();
      });
    }
  }
}

}  // namespace
}  // namespace bam::testing
