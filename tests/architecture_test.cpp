// The house rules that can be read off the sources: which folder includes which, and which library
// is known where.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace bam {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kFolders = {"runtime", "model", "parallel", "io", "launch"};

struct Include {
  fs::path file;  // relative to the root
  std::string target;
};

bool is_source(const fs::path& path) {
  const std::string extension = path.extension();
  return extension == ".h" || extension == ".cpp" || extension == ".cu" || extension == ".cuh";
}

std::vector<Include> includes_of(const fs::path& root, const fs::path& file) {
  static const std::regex kInclude(R"re(^\s*#\s*include\s*[<"]([^>"]+)[>"])re");
  std::vector<Include> found;
  std::ifstream text(file);
  for (std::string line; std::getline(text, line);) {
    if (std::smatch match; std::regex_search(line, match, kInclude)) {
      found.push_back({fs::relative(file, root), match[1]});
    }
  }
  return found;
}

std::vector<Include> all_includes() {
  const fs::path root = BAM_SOURCE_DIR;
  std::vector<Include> all;
  for (const auto& folder : kFolders) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.is_regular_file() && is_source(entry.path())) {
        const auto found = includes_of(root, entry.path());
        all.insert(all.end(), found.begin(), found.end());
      }
    }
  }
  return all;
}

long folder_index(const fs::path& path) {
  const std::string first = path.begin()->string();
  const auto place = std::find(kFolders.begin(), kFolders.end(), first);
  return place == kFolders.end() ? -1 : place - kFolders.begin();
}

/// Headers that match `pattern` are included only by files that match one of `homes`.
void expect_contained(const std::string& pattern, const std::vector<std::string>& homes) {
  const std::regex library(pattern);
  for (const auto& include : all_includes()) {
    if (!std::regex_search(include.target, library)) {
      continue;
    }
    const bool at_home = std::any_of(homes.begin(), homes.end(), [&](const std::string& home) {
      return std::regex_search(include.file.string(), std::regex(home));
    });
    EXPECT_TRUE(at_home) << include.file << " includes " << include.target;
  }
}

TEST(Architecture, IncludesGoOneWay) {
  const auto includes = all_includes();
  EXPECT_GT(includes.size(), 50U);
  for (const auto& include : includes) {
    const long target = folder_index(include.target);
    EXPECT_LE(target, folder_index(include.file)) << include.file << " includes " << include.target;
  }
}

TEST(Architecture, IncludesStartAtTheRoot) {
  for (const auto& include : all_includes()) {
    EXPECT_NE(include.target.substr(0, 1), ".") << include.file << " includes " << include.target;
  }
}

TEST(Architecture, HeadersAreIncludedOnce) {
  const fs::path root = BAM_SOURCE_DIR;
  for (const auto& folder : kFolders) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() == ".h" || entry.path().extension() == ".cuh") {
        std::ifstream text(entry.path());
        std::string first;
        std::getline(text, first);
        EXPECT_EQ(first, "#pragma once") << entry.path();
      }
    }
  }
}

// But for its tests and the bridge to them.
TEST(Architecture, TheReferenceSharesNoCodeWithTheLibrary) {
  const fs::path root = BAM_SOURCE_DIR;
  const std::regex test_or_bridge(R"(_test\.cpp$|/(bridge|cases)\.(h|cpp)$)");
  const std::regex own_or_standard(R"(^tests/reference/(?!bridge|cases)|^[a-z_]+$)");
  for (const auto& entry : fs::directory_iterator(root / "tests/reference")) {
    if (!is_source(entry.path()) || std::regex_search(entry.path().string(), test_or_bridge)) {
      continue;
    }
    for (const auto& include : includes_of(root, entry.path())) {
      EXPECT_TRUE(std::regex_search(include.target, own_or_standard))
          << include.file << " includes " << include.target;
    }
  }
}

TEST(Architecture, OneDnnIsKnownInRuntimeCpu) {
  expect_contained("dnnl", {"^runtime/cpu/"});
}

TEST(Architecture, MpiIsKnownInParallelSources) {
  expect_contained("^mpi", {R"(^parallel/[^/]*\.cpp$)"});
}

TEST(Architecture, Hdf5IsKnownInOnePair) { expect_contained("^hdf5|^H5", {R"(^io/hdf5_\w+\.(h|cpp)$)"}); }

TEST(Architecture, CudaIsKnownInRuntimeCuda) {
  expect_contained("^cu(da|blas|dnn)", {"^runtime/cuda/", "^parallel/nccl_"});
}

TEST(Architecture, NcclIsKnownInItsOwnSources) {
  expect_contained("^nccl", {"^parallel/nccl_"});
}

TEST(Architecture, ProtobufIsKnownInIoAndLaunch) {
  expect_contained(R"(google/protobuf|\.pb\.h$)", {"^io/", "^launch/"});
}

}  // namespace
}  // namespace bam
