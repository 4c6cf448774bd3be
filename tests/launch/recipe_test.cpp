#include "launch/recipe.h"

#include <gtest/gtest.h>

#include "io/run_config.h"
#include "io/text_file.h"
#include "launch/mpi_launcher.h"
#include "launch/recipe_jobs.h"
#include "launch/recipe_results.h"
#include "runtime/check.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

fs::path recipe_file(const std::string& name) {
  return fs::path(BAM_SOURCE_DIR) / "launch" / "recipes" / (name + ".textproto");
}

std::string error_of(const std::string& text) {
  const TemporaryFolder folder;
  write_file(folder / "recipe.textproto", text);
  try {
    read_recipe(folder / "recipe.textproto");
  } catch (const BadInput& error) {
    return error.what();
  }
  return "";
}

const std::string kHead =
    "name: 'r' vocabulary: 64 domains { name: 'law' files: 'law.txt' } "
    "base { model { d_model: 8 n_layers: 1 n_heads: 2 ffn_hidden: 8 } data { sequence_length: 4 "
    "domains { name: 'law' } } training { steps: 2 sequences_per_step: 1 } "
    "optimizer { learning_rate: 1 } } ";

TEST(Recipe, ThoseThatComeWithTheProjectAreValid) {
  for (const char* name : {"quickstart", "590m", "2b"}) {
    EXPECT_NO_THROW(read_recipe(recipe_file(name))) << name;
  }
}

TEST(Recipe, PaperScalesHaveThePapersParameters) {
  const auto counts = [](const std::string& recipe_name, const std::string& phase) {
    const auto recipe = read_recipe(recipe_file(recipe_name));
    const auto config = resolved_config(recipe, phase_named(recipe, phase), RunFolder("run"));
    return count_parameters(run_config_of(config, phase).model);
  };
  EXPECT_EQ(counts("590m", "seed").total, 587'209'728);
  EXPECT_EQ(counts("590m", "bam-expert-kv").total, 776'002'560);
  EXPECT_EQ(counts("590m", "bam-shared-kv").total, 738'253'824);
  EXPECT_EQ(counts("590m", "btx").total, 700'480'512);
  EXPECT_EQ(counts("2b", "seed").total, 1'991'289'600);
  EXPECT_EQ(counts("2b", "bam-expert-kv").total, 6'195'886'848);
}

TEST(Recipe, PhaseOverridesTheBaseAndReplacesItsLists) {
  const auto recipe = read_recipe(recipe_file("quickstart"));
  const auto config = resolved_config(recipe, phase_named(recipe, "code"), RunFolder("runs/q"));
  EXPECT_EQ(config.model().d_model(), 128);
  EXPECT_EQ(config.model().vocabulary(), 2048);
  EXPECT_EQ(config.training().steps(), 200);
  ASSERT_EQ(config.data().domains_size(), 2);
  EXPECT_EQ(config.data().domains(1).path(), "runs/q/data/general.h5");
  EXPECT_EQ(config.init_from(), "runs/q/seed");
}

TEST(Recipe, CumulativeTokensCountEveryAncestorOnce) {
  const auto recipe = read_recipe(recipe_file("quickstart"));
  EXPECT_EQ(cumulative_tokens(recipe, phase_named(recipe, "seed")), 400 * 4096);
  EXPECT_EQ(cumulative_tokens(recipe, phase_named(recipe, "law")), 600 * 4096);
  EXPECT_EQ(cumulative_tokens(recipe, phase_named(recipe, "btx")), (400 + 3 * 200 + 160) * 4096);
  EXPECT_EQ(cumulative_tokens(recipe, phase_named(recipe, "dense-control")), 560 * 4096);
}

TEST(Recipe, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(error_of(kHead + "phases { name: 'seed' }"), "");
  EXPECT_NE(error_of(kHead).find("phases"), std::string::npos);
  EXPECT_NE(error_of(kHead + "phases { name: '../x' }").find("phases[0].name"), std::string::npos);
  EXPECT_NE(error_of(kHead + "phases { name: 'data' }").find("folder"), std::string::npos);
  EXPECT_NE(error_of(kHead + "phases { name: 'a' kind: BRANCH parents: 'b' }").find("parents: b"),
            std::string::npos);
  EXPECT_NE(error_of(kHead + "phases { name: 'a' parents: 'a' }").find("parents"), std::string::npos);
  EXPECT_NE(error_of(kHead + "phases { name: 'a' } phases { name: 'a' }").find("twice"),
            std::string::npos);
  EXPECT_NE(error_of(kHead + "phases { name: 'a' config { data { domains { name: 'b' } } } }")
                .find("b is not a domain"),
            std::string::npos);
  EXPECT_NE(error_of(kHead + "phases { name: 'a' config { model { n_layers: -1 } } }")
                .find("n_layers"),
            std::string::npos);
}

/// A quickstart-like recipe over a text file in `folder`.
std::vector<Job> small_jobs(const TemporaryFolder& folder, const std::string& run,
                            const std::string& more = "") {
  write_file(folder / "recipe.textproto",
             kHead + "phases { name: 'seed' } phases { name: 'law-expert' kind: BRANCH parents: "
                     "'seed' " + more + "}");
  auto recipe = read_recipe(folder / "recipe.textproto");
  recipe.mutable_domains(0)->set_files(0, (folder / "law.txt").string());
  return jobs_of(recipe, RunFolder(folder / run), MpiLauncher("bam", "", {4, 2}, false));
}

TEST(RecipeJobs, HashesFollowWhatAJobDependsOn) {
  const TemporaryFolder folder;
  write_file(folder / "law.txt", "text");
  const auto before = small_jobs(folder, "run");
  const auto elsewhere = small_jobs(folder, "other");
  const auto branch_changed = small_jobs(folder, "run", "config { training { steps: 3 } }");
  write_file(folder / "law.txt", "other text");
  const auto text_changed = small_jobs(folder, "run");
  for (const char* name : {"data", "train-seed", "train-law-expert", "evaluate-seed", "results"}) {
    const std::string& hash = job_named(before, name).recipe_hash;
    EXPECT_EQ(hash, job_named(elsewhere, name).recipe_hash) << name;
    EXPECT_NE(hash, job_named(text_changed, name).recipe_hash) << name;
  }
  EXPECT_EQ(job_named(before, "train-seed").recipe_hash,
            job_named(branch_changed, "train-seed").recipe_hash);
  EXPECT_NE(job_named(before, "evaluate-law-expert").recipe_hash,
            job_named(branch_changed, "evaluate-law-expert").recipe_hash);
}

// Of a run folder that a plan is taken from: not with every byte that training writes there.
TEST(RecipeJobs, AHashCoversWhereAPlanHasTheExperts) {
  const TemporaryFolder folder;
  write_file(folder / "law.txt", "text");
  const std::string planned =
      "config { parallel { placement: '" + (folder / "planned").string() + "' } }";
  const auto hash_with = [&](std::int64_t step, const std::string& placement) {
    CheckpointInfo info;
    info.step = step;
    info.config = tiny_run_config(kTinyMixture);
    parse_text_proto(placement, "placement", info.placement.emplace());
    write_filled(folder / "planned", info);
    return job_named(small_jobs(folder, "run", planned), "train-law-expert").recipe_hash;
  };
  const std::string first = hash_with(1, "ranks: 2 layers { attention: [0, 1] ffn: [0, 1, 0] }");
  EXPECT_EQ(hash_with(2, "ranks: 2 layers { attention: [0, 1] ffn: [0, 1, 0] }"), first);
  EXPECT_NE(hash_with(3, "ranks: 2 layers { attention: [0, 1] ffn: [1, 1, 0] }"), first);
}

TEST(MpiLauncher, AddsWhatTheMachineNeedsAndNoMore) {
  const auto text = [](int cores, bool is_root, int ranks) {
    return MpiLauncher{"bam", "", {cores, cores}, is_root}.on_ranks(ranks, {"train"}).text();
  };
  EXPECT_EQ(text(4, false, 2),
            "mpirun -n 2 --map-by slot:PE=2 --bind-to core -x OMP_NUM_THREADS=2 bam train");
  EXPECT_EQ(text(2, true, 3),
            "mpirun -n 3 --allow-run-as-root --oversubscribe --bind-to none -x OMP_NUM_THREADS=1 "
            "bam train");
}

}  // namespace
}  // namespace bam
