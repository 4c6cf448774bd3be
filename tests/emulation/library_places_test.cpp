#include "runtime/cuda/library_places.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace bam::cuda {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "libcublasLt.so.13";

// Environment variables and a folder for one test; those that were set are again after it.
class LibraryPlaces : public testing::Test {
 protected:
  LibraryPlaces() {
    for (const char* name : {"BAM_CUDA_LIBRARIES", "CUDA_HOME", "VIRTUAL_ENV"}) {
      const char* value = std::getenv(name);
      before_[name] = value == nullptr ? "" : value;
      unsetenv(name);
    }
  }
  ~LibraryPlaces() override {
    for (const auto& [name, value] : before_) {
      value.empty() ? unsetenv(name.c_str()) : setenv(name.c_str(), value.c_str(), 1);
    }
    fs::remove_all(folder_);
  }

  void set(const char* name, const fs::path& value) { setenv(name, value.c_str(), 1); }
  fs::path make(const fs::path& file) {
    fs::create_directories((folder_ / file).parent_path());
    std::ofstream(folder_ / file) << "a library";
    return folder_ / file;
  }

  fs::path folder_ = fs::temp_directory_path() / ("bam-places-" + std::to_string(getpid()));

 private:
  std::map<std::string, std::string> before_;
};

TEST_F(LibraryPlaces, TakeNamedFoldersFirstThenTheSystemTheToolkitAndPythonsWheels) {
  const fs::path toolkit = make(fs::path("cuda/lib64") / kName);
  const fs::path wheel =
      make(fs::path("venv/lib/python3.12/site-packages/nvidia/cu13/lib") / kName);
  set("BAM_CUDA_LIBRARIES", "/first:/second");
  set("CUDA_HOME", folder_ / "cuda");
  set("VIRTUAL_ENV", folder_ / "venv");
  const auto places = places_of_library(kName);
  ASSERT_GE(places.size(), 5U);
  EXPECT_EQ(places[0], std::string("/first/") + kName);
  EXPECT_EQ(places[1], std::string("/second/") + kName);
  EXPECT_EQ(places[2], kName);
  EXPECT_EQ(places[3], toolkit);
  EXPECT_NE(std::find(places.begin() + 4, places.end(), wheel), places.end());
}

TEST_F(LibraryPlaces, AreFoundBesideThePythonOnThePath) {
  const fs::path wheel =
      make(fs::path("env/lib/python3.9/site-packages/nvidia/cublas/lib") / kName);
  make("env/bin/python3");
  const std::string before = std::getenv("PATH");
  set("PATH", folder_ / "env" / "bin");
  const auto places = places_of_library(kName);
  set("PATH", before);
  EXPECT_NE(std::find(places.begin(), places.end(), wheel), places.end());
}

TEST_F(LibraryPlaces, AreTheSystemsAloneWhereTheLibraryIsNowhere) {
  EXPECT_EQ(places_of_library("libnowhere.so.0"), std::vector<std::string>{"libnowhere.so.0"});
}

TEST(NameOfALibrary, SaysWhetherItIsTooOld) {
  EXPECT_TRUE(is_named_older("/usr/lib/libcudnn.so.9.14.0", {9, 19}));
  EXPECT_TRUE(is_named_older("/usr/lib.so.9/libcudnn.so.8.99", {9, 19}));
  EXPECT_FALSE(is_named_older("/usr/lib/libcudnn.so.9.19.0", {9, 19}));
  EXPECT_FALSE(is_named_older("/usr/lib/libcudnn.so.10.1", {9, 19}));
  EXPECT_FALSE(is_named_older("/usr/lib/libcudnn.so.9", {9, 19}));
  EXPECT_FALSE(is_named_older("/usr/lib/libcudnn.so", {9, 19}));
  EXPECT_FALSE(is_named_older("/usr/lib/libcudnn.so.9.14.0", {}));
}

}  // namespace
}  // namespace bam::cuda
