#include <sys/stat.h>

#include "io/checkpoint_format.h"
#include "runtime/check.h"
#include "tests/faults/corruption/damage.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

/// What becomes of one file of the newer checkpoint.
void add_for(const SpoiltRun& run, const SpoiltFile& file, const SpoiltFile& other,
             std::vector<Damage>& out) {
  const fs::path path = file.path();
  const std::string name = "step-3/" + path.filename().string();
  const auto add = [&](const std::string& what, std::function<void()> make) {
    out.push_back({.kind = "a wrong file",
                   .what = name + " " + what,
                   .named = "step-3",
                   .make = std::move(make),
                   .undo = [&run] { run.restore(); }});
  };
  add("missing", [path] { fs::remove(path); });
  add("empty", [&file] { file.write(""); });
  add("of zeros", [&file] { file.write(std::string(file.whole().size(), '\0')); });
  add("of the step before", [&file, &other] { file.write(other.whole()); });
  add("the other file", [&run, &file] {
    file.write(&file == &run.data() ? run.manifest().whole() : run.data().whole());
  });
  add("a folder", [path] { fs::remove(path), fs::create_directory(path); });
  add("a link to nowhere", [path] { fs::remove(path), fs::create_symlink("nowhere", path); });
  add("a pipe", [path] { fs::remove(path), check(::mkfifo(path.c_str(), 0600) == 0, "mkfifo"); });
}

void add_swaps(const SpoiltRun& run, std::vector<Damage>& out) {
  const auto add = [&](const std::string& what, std::int64_t step, const std::string& named,
                       std::function<void()> make) {
    out.push_back({.kind = "a wrong file",
                   .what = what,
                   .named = named,
                   .make = std::move(make),
                   .undo = [&run] { run.restore(); },
                   .step = step});
  };
  add("data of both steps swapped", -1, "step-3/data.h5", [&run] {
    run.data().write(run.older_data().whole());
    run.older_data().write(run.data().whole());
  });
  add("manifests of both steps swapped", -1, "step-3", [&run] {
    run.manifest().write(run.older_manifest().whole());
    run.older_manifest().write(run.manifest().whole());
  });
  add("step-3 a copy of step-2", 2, "step-3", [&run] {
    run.data().write(run.older_data().whole());
    run.manifest().write(run.older_manifest().whole());
  });
  add("both steps without data", -1, "step-3/data.h5", [&run] {
    fs::remove(run.data().path());
    fs::remove(run.older_data().path());
  });
}

/// Nothing trained is lost with the file that names the newest.
void add_latest(const SpoiltRun& run, std::vector<Damage>& out) {
  const auto add = [&](const std::string& what, std::function<void()> make) {
    out.push_back({.kind = "a wrong file",
                   .what = "latest " + what,
                   .named = "/latest: ",
                   .make = std::move(make),
                   .undo = [&run] { run.restore(); },
                   .step = 3});
  };
  add("missing", [&run] { fs::remove(run.latest().path()); });
  add("empty", [&run] { run.latest().write(""); });
  for (const std::string text :
       {"step-9\n", "step-", "step-3x", "../run/step-3", "step-99999999999999999999", "\xff"}) {
    add("saying " + text, [&run, text] { run.latest().write(text); });
  }
}

}  // namespace

std::vector<Damage> wrong_files(const SpoiltRun& run) {
  std::vector<Damage> all;
  add_for(run, run.data(), run.older_data(), all);
  add_for(run, run.manifest(), run.older_manifest(), all);
  add_swaps(run, all);
  add_latest(run, all);
  return all;
}

}  // namespace bam
