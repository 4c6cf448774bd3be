#include "launch/pipeline_command.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "io/results_table.h"
#include "io/text_file.h"
#include "io/text_proto.h"
#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "launch/recipe_jobs.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

/// Holds a run folder for this process alone; the system lets go of it whatever happens.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder) : file_(open((folder / ".lock").c_str(), kFlags, 0666)) {
    check_input(file_ >= 0, folder.string(), ": cannot be written: ", std::strerror(errno));
    if (flock(file_, LOCK_EX | LOCK_NB) != 0) {
      const std::string owner = read_file(folder / ".lock");
      close(file_);
      throw BadInput(message_of(folder.string(), ": process ", owner, " is at work in it"));
    }
    const std::string owner = std::to_string(getpid());
    check(ftruncate(file_, 0) == 0 && pwrite(file_, owner.data(), owner.size(), 0) > 0,
          folder.string(), ": cannot be written: ", std::strerror(errno));
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() { close(file_); }

 private:
  static constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC;
  int file_;
};

CommandLine command_line() {
  CommandLine command{"bam pipeline run RECIPE: runs what is not done yet of a recipe", {}, {}};
  command.options.add_options()
      ("verb", po::value<std::string>()->required(), "run")
      ("recipe", po::value<std::string>()->required(), "protobuf text, message Recipe")
      ("runs", po::value<std::string>()->default_value("runs"), "folder of run folders")
      ("ranks", po::value<std::string>(), "ranks of each training phase, instead of the recipe's")
      ("hostfile", po::value<std::string>()->default_value(""), "Open MPI hostfile: several machines")
      ("set", po::value<std::vector<std::string>>()->composing(), "a.b=c: changes the recipe")
      ("dry-run", po::bool_switch(), "print the phases and their commands, run nothing");
  command.positional.add("verb", 1).add("recipe", 1);
  return command;
}

proto::Recipe recipe_of(const po::variables_map& options) {
  std::vector<std::string> overrides;
  if (options.contains("set")) {
    overrides = options["set"].as<std::vector<std::string>>();
  }
  if (options.contains("ranks")) {
    overrides.push_back("ranks=" + options["ranks"].as<std::string>());
  }
  return read_recipe(options["recipe"].as<std::string>(), overrides);
}

int print(const std::vector<Job>& jobs) {
  for (const auto& job : jobs) {
    std::cout << job.title << "\n";
    for (const auto& command : job.commands) {
      std::cout << "  " << command << "\n";
    }
  }
  return kDone;
}

void print_end(const proto::Recipe& recipe, const RunFolder& folder) {
  std::cout << "\nPerplexity by domain (± half the 95 % interval), and what each row cost\n\n"
            << text_of(perplexity_table(read_results(folder.results()), titles_of(recipe)))
            << "\nA control is matched to the mixture phase only: the same tokens in the same order.\n"
            << folder.results().string() << "\n"
            << folder.report().string() << "\n";
}

}  // namespace

int pipeline_command(std::span<const std::string> arguments) {
  const auto options = read_command_line(command_line(), arguments);
  if (!options) {
    return kDone;
  }
  const std::string verb = (*options)["verb"].as<std::string>();
  check_input(verb == "run", "bam pipeline ", verb, ": there is no such verb; `run` is one");
  const proto::Recipe recipe = recipe_of(*options);
  const RunFolder folder(fs::path((*options)["runs"].as<std::string>()) / recipe.name());
  const MpiLauncher launcher = this_machine((*options)["hostfile"].as<std::string>());
  const auto jobs = jobs_of(recipe, folder, launcher);
  if ((*options)["dry-run"].as<bool>()) {
    return print(jobs);
  }
  make_folder(folder.root());
  const FolderLock lock(folder.root());
  write_file(folder.recipe(), text_of(recipe));
  fs::create_directories(folder.root() / "scores");
  const int code = run_jobs(jobs, folder.stamps());
  if (code == kDone) {
    print_end(recipe, folder);
  }
  return code;
}

}  // namespace bam
