#include "runtime/cuda/library_places.h"

#include <glob.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace bam::cuda {
namespace {

namespace fs = std::filesystem;

using Folders = std::vector<std::string>;

void append(Folders& all, const Folders& more) { all.insert(all.end(), more.begin(), more.end()); }

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The parts between colons.
Folders parts_of(const std::string& list) {
  Folders parts;
  std::istringstream in(list);
  for (std::string part; std::getline(in, part, ':');) {
    if (!part.empty()) {
      parts.push_back(part);
    }
  }
  return parts;
}

// Whose lib/ may have the packages of the python3 on PATH: where it is called (an environment of
// its own), and where it is.
Folders prefixes_of_python() {
  for (const std::string& folder : parts_of(environment("PATH"))) {
    std::error_code unknown;
    const fs::path called = fs::path(folder) / "python3";
    const fs::path real = fs::canonical(called, unknown);
    if (!unknown) {
      return {called.parent_path().parent_path().string(),
              real.parent_path().parent_path().string()};
    }
  }
  return {};
}

Folders toolkits() {
  return {environment("CUDA_HOME"), environment("CUDA_PATH"), "/usr/local/cuda"};
}

Folders python_prefixes() {
  Folders prefixes = {environment("VIRTUAL_ENV"), environment("CONDA_PREFIX")};
  append(prefixes, prefixes_of_python());
  const std::string home = environment("HOME");
  append(prefixes, {home.empty() ? "" : home + "/.local", "/usr/local", "/usr"});
  return prefixes;
}

// The files that match a pattern, in order.
Folders matches_of(const std::string& pattern) {
  Folders found;
  glob_t matches{};
  if (glob(pattern.c_str(), 0, nullptr, &matches) == 0) {
    found.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  }
  globfree(&matches);
  return found;
}

}  // namespace

std::vector<std::string> places_of_library(const std::string& name) {
  Folders places;
  for (const std::string& folder : parts_of(environment("BAM_CUDA_LIBRARIES"))) {
    places.push_back(folder + "/" + name);
  }
  places.push_back(name);
  for (const std::string& toolkit : toolkits()) {
    if (!toolkit.empty()) {
      append(places, matches_of(toolkit + "/lib64/" + name));
    }
  }
  for (const std::string& prefix : python_prefixes()) {
    if (!prefix.empty()) {
      append(places, matches_of(prefix + "/lib*/python3*/*-packages/nvidia/*/lib/" + name));
    }
  }
  return places;
}

bool is_named_older(const std::string& file, const std::vector<int>& least) {
  const std::string mark = ".so.";
  const std::size_t at = file.rfind(mark);
  std::istringstream numbers(at == std::string::npos ? "" : file.substr(at + mark.size()));
  std::vector<int> version;
  for (int number = 0; numbers >> number; numbers.ignore(1, '.')) {
    version.push_back(number);
  }
  return version.size() > 1 && version < least;
}

}  // namespace bam::cuda
