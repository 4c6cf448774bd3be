#include <gtest/gtest.h>

#include <algorithm>

#include "io/text_file.h"
#include "launch/recipe_jobs.h"
#include "launch/slurm_launcher.h"
#include "launch/slurm_submission.h"
#include "runtime/check.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

const SlurmLauncher kLauncher("bam", 2, true);

/// The quickstart's jobs over one text file in `folder`.
std::vector<Job> quickstart_jobs(const TemporaryFolder& folder) {
  write_file(folder / "text", "words");
  auto recipe = read_recipe(fs::path(BAM_SOURCE_DIR) / "launch/recipes/quickstart.textproto");
  for (auto& domain : *recipe.mutable_domains()) {
    domain.set_files(0, (folder / "text").string());
  }
  return jobs_of(recipe, RunFolder(folder / "run"), kLauncher);
}

const SlurmBatch& batch_named(const std::vector<SlurmBatch>& batches, const std::string& name) {
  const auto found = std::find_if(batches.begin(), batches.end(),
                                  [&](const SlurmBatch& batch) { return batch.name == name; });
  check(found != batches.end(), "no batch ", name);
  return *found;
}

std::vector<std::string> job_names(const SlurmBatch& batch) {
  std::vector<std::string> names;
  for (const Job* job : batch.jobs) {
    names.push_back(job->name);
  }
  return names;
}

/// Has these jobs look done.
void make_done(const std::vector<Job>& jobs, const TemporaryFolder& folder,
               const std::vector<std::string>& names) {
  for (const auto& name : names) {
    const Job& job = job_named(jobs, name);
    for (const auto& output : job.outputs) {
      fs::create_directories(output.parent_path());
      write_file(output, "");
    }
    fs::create_directories(folder / "stamps");
    write_file(folder / "stamps" / name, job.recipe_hash);
  }
}

TEST(SlurmLauncher, StartsRanksBySrun) {
  EXPECT_EQ(kLauncher.on_ranks(3, {"train"}).text(),
            "BAM_PROGRESS=lines OMP_NUM_THREADS=2 srun -K1 --ntasks=3 --cpus-per-task=2 --mpi=pmix "
            "bam train");
  EXPECT_EQ(kLauncher.alone({"data"}).text(), "OMP_NUM_THREADS=2 bam data");
}

TEST(SlurmBatches, BranchesAreOneArrayAndInputsComeFirst) {
  const TemporaryFolder folder;
  const auto jobs = quickstart_jobs(folder);
  const auto batches = slurm_batches_of(jobs);
  using Names = std::vector<std::string>;
  EXPECT_EQ(job_names(batch_named(batches, "all-branch")),
            (Names{"train-code", "train-law", "train-math"}));
  EXPECT_EQ(job_names(batch_named(batches, "all-upcycling")),
            (Names{"upcycle-bam-expert-kv", "upcycle-bam-shared-kv", "upcycle-btx"}));
  EXPECT_EQ(batch_named(batches, "train-seed").after(), Names{"data"});
  EXPECT_EQ(batch_named(batches, "evaluate-law").after(), (Names{"data", "train-law"}));
  EXPECT_EQ(batch_named(batches, "results").after().size(), 8U);
  std::set<std::string> before;
  for (const auto& batch : batches) {
    for (const auto& input : batch.after()) {
      EXPECT_TRUE(before.contains(input)) << batch.name << " before " << input;
    }
    for (const auto& name : job_names(batch)) {
      EXPECT_TRUE(before.insert(name).second) << name << " is there twice";
    }
  }
  EXPECT_EQ(before.size(), jobs.size());
}

TEST(SlurmBatches, SbatchGetsDependenciesTasksAndSettings) {
  const TemporaryFolder folder;
  const auto jobs = quickstart_jobs(folder);
  const auto batches = slurm_batches_of(jobs);
  const RunTag tag("run", jobs);
  const SlurmRun run{"run",
                     "bam",
                     "job.sh",
                     {"recipe", "runs"},
                     {.partition = "gpu",
                      .time = "1:00:00",
                      .nodes = 2,
                      .cpus_per_rank = 4,
                      .warning = 90,
                      .more = {"--account=us"}}};
  const auto words = sbatch_arguments(run, tag, batch_named(batches, "all-branch"), {0, 2}, {"7"});
  for (const std::string word :
       {"--array=0,2", "--dependency=afterok:7", "--kill-on-invalid-dep=yes", "--signal=B:USR1@90",
        "--requeue", "--ntasks=2", "--cpus-per-task=4", "--partition=gpu", "--time=1:00:00",
        "--nodes=2", "--account=us", "--output=run/slurm/all-branch-%A_%a.out"}) {
    EXPECT_NE(std::find(words.begin(), words.end(), word), words.end()) << word;
  }
  const std::vector<std::string> script(words.end() - 7, words.end());
  EXPECT_EQ(script, (std::vector<std::string>{"job.sh", "bam", "recipe", "runs", "train-code",
                                              "train-law", "train-math"}));
  const auto data = sbatch_arguments(run, tag, batch_named(batches, "data"), {0}, {});
  for (const auto& word : data) {
    EXPECT_FALSE(word.starts_with("--dependency") || word.starts_with("--array") ||
                 word.starts_with("--nodes"))
        << word;
  }
}

TEST(RunTag, TellsRunsAndVersionsApart) {
  const TemporaryFolder folder;
  const auto jobs = quickstart_jobs(folder);
  auto other_jobs = jobs;
  other_jobs.back().recipe_hash += "x";
  const RunTag tag(folder / "run", jobs);
  const RunTag changed(folder / "run", other_jobs);
  const RunTag elsewhere(folder / "other", jobs);
  EXPECT_EQ(tag.batch_of(tag.slurm_name("data")), "data");
  EXPECT_FALSE(tag.is_other_version(tag.slurm_name("data")));
  EXPECT_TRUE(tag.is_other_version(changed.slurm_name("data")));
  EXPECT_FALSE(tag.batch_of(changed.slurm_name("data")).has_value());
  EXPECT_FALSE(tag.is_other_version(elsewhere.slurm_name("data")));
  EXPECT_FALSE(tag.batch_of(elsewhere.slurm_name("data")).has_value());
  EXPECT_FALSE(tag.batch_of("data").has_value());
}

TEST(SlurmState, KnowsWhatIsDoneAndWhatIsQueued) {
  const TemporaryFolder folder;
  const auto jobs = quickstart_jobs(folder);
  const RunTag tag(folder / "run", jobs);
  make_done(jobs, folder, {"data"});
  const SlurmState state(jobs, folder / "stamps", tag,
                         {{"5", "RUNNING", "None", tag.slurm_name("train-seed")},
                          {"6_2", "PENDING", "Dependency", tag.slurm_name("all-branch")},
                          {"7", "RUNNING", "None", "somebody's"}});
  EXPECT_TRUE(state.is_done("data"));
  EXPECT_FALSE(state.is_done("train-seed"));
  ASSERT_NE(state.queued("train-seed"), nullptr);
  EXPECT_EQ(state.queued("train-seed")->id, "5");
  ASSERT_NE(state.queued("train-math"), nullptr);
  EXPECT_EQ(state.queued("train-math")->id, "6_2");
  EXPECT_EQ(state.queued("train-law"), nullptr);
  EXPECT_TRUE(state.stranded().empty());
}

TEST(SlurmState, FindsJobsThatWouldWaitForEver) {
  const TemporaryFolder folder;
  const auto jobs = quickstart_jobs(folder);
  const RunTag tag(folder / "run", jobs);
  make_done(jobs, folder, {"data"});
  // The seed failed: it is neither done nor in the queue. What was running was not waiting.
  const SlurmState state(
      jobs, folder / "stamps", tag,
      {{"6_0", "PENDING", "Dependency", tag.slurm_name("all-branch")},
       {"6_1", "RUNNING", "None", tag.slurm_name("all-branch")},
       {"8", "PENDING", "DependencyNeverSatisfied", tag.slurm_name("evaluate-code")},
       {"9", "PENDING", "Dependency", tag.slurm_name("evaluate-law")}});
  EXPECT_EQ(state.stranded(), (std::vector<std::string>{"evaluate-code", "train-code"}));
}

TEST(SlurmState, RefusesAnotherVersionInTheQueue) {
  const TemporaryFolder folder;
  const auto jobs = quickstart_jobs(folder);
  auto other = jobs;
  other.back().recipe_hash += "x";
  const RunTag tag(folder / "run", jobs);
  const std::string name = RunTag(folder / "run", other).slurm_name("train-seed");
  try {
    const SlurmState state(jobs, folder / "stamps", tag, {{"5", "RUNNING", "None", name}});
    FAIL() << "was not refused";
  } catch (const BadInput& error) {
    EXPECT_NE(std::string(error.what()).find("scancel 5"), std::string::npos) << error.what();
  }
}

TEST(SlurmQueue, ReadsWhatSlurmPrints) {
  const auto tasks =
      parse_slurm_queue("12|PENDING|Dependency|train-seed@ab-cd\n13_4|RUNNING|None|a|b\n\n");
  ASSERT_EQ(tasks.size(), 2U);
  EXPECT_EQ(tasks[0].id, "12");
  EXPECT_EQ(tasks[0].reason, "Dependency");
  EXPECT_EQ(tasks[1].id, "13_4");
  EXPECT_EQ(tasks[1].name, "a|b");
  EXPECT_EQ(parse_slurm_job_id("12\n"), "12");
  EXPECT_EQ(parse_slurm_job_id("12;cluster\n"), "12");
  EXPECT_TRUE(parse_slurm_queue("").empty());
}

TEST(SlurmQueue, NamesWhatItCannotRead) {
  for (const char* text : {"12|PENDING|x", "x|PENDING|None|a", "12_|RUNNING|None|a",
                           "12_[0-3]|PENDING|None|a", "|||", "slurm_load_jobs error"}) {
    EXPECT_THROW(parse_slurm_queue(text), Error) << text;
  }
  for (const char* text : {"", "\n", "Submitted batch job 12", "-1", ";x"}) {
    EXPECT_THROW(parse_slurm_job_id(text), Error) << text;
  }
}

}  // namespace
}  // namespace bam
