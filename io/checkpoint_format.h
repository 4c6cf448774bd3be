#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/content_hash.h"
#include "model/parameters.h"
#include "proto/manifest.pb.h"

namespace bam {

/// A node of a checkpoint's family tree; see proto/manifest.proto.
using Lineage = proto::Lineage;

/// What is stored of one weight. All are fp32 of the weight's shape.
enum class StateKind { kWeight, kFirstMoment, kSecondMoment };
inline constexpr std::array kStateKinds = {StateKind::kWeight, StateKind::kFirstMoment,
                                           StateKind::kSecondMoment};

inline constexpr std::int64_t kManifestVersion = 1;
inline constexpr const char* kDataFile = "data.h5";
inline constexpr const char* kManifestFile = "manifest";
inline constexpr const char* kLatestFile = "latest";

/// Path in data.h5: "/weights/layers.0.attention.q", "/first_moment/...", "/second_moment/...".
std::string data_set_path(StateKind kind, const std::string& tensor);

/// Tiles of one weight, and of a weight's element `begin` the tile's place in the stacked data set:
/// tiles do not cross experts.
std::int64_t tiles_of_weight(const ParameterSpec& spec);
std::int64_t tile_index(const ParameterSpec& spec, std::int64_t begin);

/// One spec of each stored tensor (its first expert), in the inventory's order.
std::vector<ParameterSpec> stored_tensors(const std::vector<ParameterSpec>& specs);

/// Bytes of a data set.
std::int64_t bytes_of(const proto::DataSet& data_set);

/// Bytes [begin, end) of data.h5.
struct FileRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// What lies in no data set of a file of `file_bytes` bytes, ascending. Throws BadInput, naming the
/// file, where data sets overlap or end past it.
std::vector<FileRange> ranges_outside(const proto::Manifest& manifest, std::int64_t file_bytes,
                                      const std::filesystem::path& path);

/// XXH3-128 of the open file's bytes that lie in no data set. Throws BadInput, naming the file,
/// where data sets overlap or end past `file_bytes`.
Hash128 hash_outside(int file, const std::filesystem::path& path, const proto::Manifest& manifest,
                     std::int64_t file_bytes);

/// Name of a checkpoint's folder: "step-12".
std::string step_folder(std::int64_t step);

/// Whether `folder` holds a finished checkpoint (the file `latest`).
bool has_checkpoint(const std::filesystem::path& folder);

}  // namespace bam
