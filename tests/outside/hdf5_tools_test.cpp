// Checkpoints are plain HDF5: h5py, h5ls and h5dump read them, and see the values that were
// written.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <map>
#include <sstream>

#include "io/checkpoint_reader.h"
#include "io/text_file.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/tiny_checkpoint.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

std::string output_of(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen(command.c_str(), "r");
  check(pipe != nullptr, command, ": cannot be started");
  std::array<char, 4096> piece{};
  while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), pipe)) {
    output.append(piece.data(), got);
  }
  EXPECT_EQ(::pclose(pipe), 0) << command << " (launch/install installs what it takes)";
  return output;
}

std::vector<float> values_in(const fs::path& path) {
  const std::string bytes = read_file(path);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

/// A mixture's checkpoint with moments, of more than one tile.
class Hdf5Tools : public testing::Test {
 protected:
  Hdf5Tools() {
    CheckpointInfo info{
        .step = 4, .config = tiny_run_config(kTinyMixture), .tokenizer = "t", .parents = {}};
    info.config.mutable_model()->set_vocabulary(33000);
    write_filled(folder_ / "run", info, kSalt);
  }
  fs::path data() const { return folder_ / "run" / "step-4" / "data.h5"; }

  /// What was written into a data set.
  static std::vector<float> written(StateKind kind, const ParameterSpec& tensor) {
    ParameterSpec whole = tensor;
    whole.expert = ParameterSpec::kNone;
    std::vector<float> values;
    for (std::int64_t i = 0; i < elements_of(tensor.stacked_shape()); ++i) {
      values.push_back(stored_value(kSalt, kind, whole, i));
    }
    return values;
  }

  static constexpr double kSalt = 0.75;
  TemporaryFolder folder_;
};

TEST_F(Hdf5Tools, H5pyReadsEveryValue) {
  fs::create_directories(folder_ / "out");
  std::istringstream lines(output_of("/usr/bin/python3 " BAM_SOURCE_DIR
                                     "/tests/outside/read_checkpoint.py " +
                                     data().string() + " " + (folder_ / "out").string()));
  std::map<std::string, std::string> file_of;
  std::map<std::string, std::string> shape_of;
  std::string number, path, type, shape;
  while (lines >> number >> path >> type >> shape) {
    EXPECT_EQ(type, "<f4") << path;
    file_of[path] = number + ".f32";
    shape_of[path] = shape;
  }
  EXPECT_EQ(shape_of["/weights/layers.1.ffn.up"], "3x6x8");
  const CheckpointReader checkpoint(folder_ / "run");
  std::size_t compared = 0;
  for (const ParameterSpec& tensor : stored_tensors(checkpoint.specs())) {
    for (const StateKind kind : kStateKinds) {
      const std::string name = data_set_path(kind, tensor.tensor);
      ASSERT_TRUE(file_of.contains(name)) << name;
      EXPECT_EQ(values_in(folder_ / "out" / file_of[name]), written(kind, tensor)) << name;
      ++compared;
    }
  }
  EXPECT_EQ(compared, file_of.size());
}

TEST_F(Hdf5Tools, H5lsListsEveryDataSet) {
  const std::string listing = output_of("h5ls --recursive " + data().string());
  const CheckpointReader checkpoint(folder_ / "run");
  for (const ParameterSpec& tensor : stored_tensors(checkpoint.specs())) {
    for (const StateKind kind : kStateKinds) {
      const std::size_t at = listing.find(data_set_path(kind, tensor.tensor) + " ");
      ASSERT_NE(at, std::string::npos) << tensor.tensor << "\n" << listing;
      std::string shape = text_of(tensor.stacked_shape());
      shape = "{" + shape.substr(1, shape.size() - 2) + "}";
      const std::string line = listing.substr(at, listing.find('\n', at) - at);
      EXPECT_NE(line.find("Dataset " + shape), std::string::npos) << line;
    }
  }
}

TEST_F(Hdf5Tools, H5dumpGivesADataSetsBytes) {
  const fs::path out = folder_ / "up.f32";
  output_of("h5dump --dataset=/weights/layers.0.ffn.up --binary=LE --output=" + out.string() + " " +
            data().string());
  const CheckpointReader checkpoint(folder_ / "run");
  for (const ParameterSpec& tensor : stored_tensors(checkpoint.specs())) {
    if (tensor.tensor == "layers.0.ffn.up") {
      EXPECT_EQ(values_in(out), written(StateKind::kWeight, tensor));
    }
  }
  const std::string header = output_of("h5dump --header " + data().string());
  EXPECT_NE(header.find("H5T_IEEE_F32LE"), std::string::npos) << header;
}

}  // namespace
}  // namespace bam
