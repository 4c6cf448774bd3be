#include <gtest/gtest.h>

#include "io/checkpoint_reader.h"
#include "io/upcycle_checkpoint.h"
#include "io/text_file.h"
#include "model/upcycle.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSharedKv =
    "mixture { attention { experts: 3 key_value: SHARED } ffn { experts: 3 } }";

CheckpointInfo parent_info(std::int64_t step) {
  return {.step = step, .tokens_phase = 100 * step, .tokens_cumulative = 100 * step,
          .config = tiny_run_config(), .tokenizer = "tokens", .parents = {}};
}

/// A seed (salt 1) and two branches of it (salts 2 and 6).
class Family {
 public:
  explicit Family(const TemporaryFolder& folder) : paths_{folder / "seed", folder / "code", folder / "law"} {
    write_filled(paths_[0], parent_info(5), 1);
    CheckpointInfo branch = parent_info(3);
    branch.parents = {CheckpointReader(paths_[0]).lineage()};
    write_filled(paths_[1], branch, 2);
    branch.step = 4;
    branch.tokens_phase = 400;
    write_filled(paths_[2], branch, 6);
  }
  const std::vector<fs::path>& paths() const { return paths_; }

 private:
  std::vector<fs::path> paths_;
};

UpcycleRequest request_of(const TemporaryFolder& folder, const Family& family,
                          const std::string& mixture) {
  return {.config = tiny_run_config(mixture), .config_name = "mixture", .parents = family.paths(),
          .out = folder / "mixture", .seed = 7};
}

std::vector<float> weight(const CheckpointReader& reader, const std::string& name) {
  for (const ParameterSpec& spec : reader.specs()) {
    if (spec.name() == name) {
      std::vector<float> out(static_cast<std::size_t>(spec.elements()));
      reader.read(StateKind::kWeight, spec, 0, spec.elements(), out);
      return out;
    }
  }
  ADD_FAILURE() << "no " << name;
  return {};
}

std::vector<float> average(const std::vector<std::vector<float>>& values) {
  std::vector<float> out;
  for (std::size_t i = 0; i < values[0].size(); ++i) {
    double sum = 0;
    for (const auto& of_parent : values) {
      sum += static_cast<double>(of_parent[i]);
    }
    out.push_back(static_cast<float>(sum / static_cast<double>(values.size())));
  }
  return out;
}

TEST(UpcycleCheckpoint, CopiesExpertsAveragesTheRestDrawsRouters) {
  const TemporaryFolder folder;
  const Family family(folder);
  upcycle_checkpoint(request_of(folder, family, kSharedKv));
  const CheckpointReader made(folder / "mixture");
  std::vector<CheckpointReader> parents;
  for (const fs::path& path : family.paths()) {
    parents.emplace_back(path);
  }
  const auto of_parents = [&](const std::string& name) {
    return std::vector{weight(parents[0], name), weight(parents[1], name), weight(parents[2], name)};
  };
  for (const char* name : {"embedding", "output", "final_norm", "layers.1.norm",
                           "layers.0.attention.k", "layers.1.attention.v"}) {
    EXPECT_EQ(weight(made, name), average(of_parents(name))) << name;
  }
  for (const std::string name : {"layers.0.attention.q", "layers.1.attention.o",
                                 "layers.0.ffn.gate", "layers.1.ffn.down"}) {
    for (std::size_t expert = 0; expert < 3; ++expert) {
      EXPECT_EQ(weight(made, name + "[" + std::to_string(expert) + "]"), of_parents(name)[expert]);
    }
  }
  const std::vector<float> router = weight(made, "layers.0.ffn_router");
  EXPECT_NE(router, weight(made, "layers.1.ffn_router"));
  EXPECT_LT(std::abs(router[0]), 0.2F);
}

TEST(UpcycleCheckpoint, ExtraFfnExpertsAreTheSeeds) {
  const TemporaryFolder folder;
  const Family family(folder);
  upcycle_checkpoint(request_of(folder, family, "mixture { ffn { experts: 4 top_k: 2 } }"));
  const CheckpointReader made(folder / "mixture");
  const CheckpointReader seed(family.paths()[0]);
  EXPECT_EQ(weight(made, "layers.0.ffn.up[3]"), weight(seed, "layers.0.ffn.up"));
}

TEST(UpcycleCheckpoint, RemembersTheFamilyAndItsTokensOnce) {
  const TemporaryFolder folder;
  const Family family(folder);
  UpcycleRequest request = request_of(folder, family, kSharedKv);
  proto::RunConfig model_alone;
  *model_alone.mutable_model() = request.config.model();
  request.config = model_alone;
  upcycle_checkpoint(request);
  const CheckpointReader made(folder / "mixture");
  EXPECT_EQ(made.step(), 0);
  EXPECT_EQ(made.tokens_phase(), 0);
  EXPECT_EQ(made.tokens_cumulative(), 500 + 300 + 400);
  EXPECT_EQ(made.tokenizer(), "tokens");
  EXPECT_EQ(made.lineage().made_by(), "upcycle");
  ASSERT_EQ(made.parents().size(), 3U);
  EXPECT_EQ(made.parents()[2].parents(0).run(), "seed");
  EXPECT_FALSE(made.has(StateKind::kFirstMoment, made.specs().front()));
}

std::string refusal_of(const UpcycleRequest& request) {
  try {
    upcycle_checkpoint(request);
  } catch (const BadInput& error) {
    EXPECT_FALSE(fs::exists(request.out));
    return error.what();
  }
  return "";
}

TEST(UpcycleCheckpoint, RefusesMismatchedParentsBeforeWriting) {
  const TemporaryFolder folder;
  const Family family(folder);
  UpcycleRequest request = request_of(folder, family, kSharedKv);
  CheckpointInfo other = parent_info(1);
  other.config.mutable_model()->set_ffn_hidden(4);
  write_filled(folder / "narrow", other);
  request.parents[2] = folder / "narrow";
  EXPECT_NE(refusal_of(request).find("ffn_hidden: 4 against 6"), std::string::npos);
  other = parent_info(1);
  other.tokenizer = "another";
  write_filled(folder / "strange", other);
  request.parents[2] = folder / "strange";
  EXPECT_NE(refusal_of(request).find("tokenizer"), std::string::npos);
  request.parents.pop_back();
  EXPECT_NE(refusal_of(request).find("parents"), std::string::npos);
}

TEST(UpcycleCheckpoint, DamagedParentLeavesNoMixture) {
  const TemporaryFolder folder;
  const Family family(folder);
  const fs::path data = family.paths()[1] / "step-3" / "data.h5";
  std::string bytes = read_file(data);
  const ParameterSpec embedding = CheckpointReader(family.paths()[1]).specs().front();
  const float value = stored_value(2, StateKind::kWeight, embedding, 5);
  const std::size_t at = bytes.find(std::string(reinterpret_cast<const char*>(&value), sizeof value));
  ASSERT_NE(at, std::string::npos);
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  write_file(data, bytes);
  const UpcycleRequest request = request_of(folder, family, kSharedKv);
  EXPECT_THROW(upcycle_checkpoint(request), BadInput);
  EXPECT_FALSE(has_checkpoint(request.out));
  EXPECT_FALSE(fs::exists(draft_folder(request.out, 0)));
}

TEST(UpcycleCheckpoint, KeepsATrainedCheckpoint) {
  const TemporaryFolder folder;
  const Family family(folder);
  UpcycleRequest request = request_of(folder, family, kSharedKv);
  request.out = family.paths()[0];
  EXPECT_THROW(upcycle_checkpoint(request), BadInput);
  EXPECT_EQ(CheckpointReader(request.out).step(), 5);
}

}  // namespace
}  // namespace bam
