#include "io/checkpoint_format.h"

#include <algorithm>
#include <bit>

#include "io/open_file.h"
#include "io/text_file.h"
#include "runtime/check.h"

namespace bam {

static_assert(std::endian::native == std::endian::little, "files are little-endian");

std::string data_set_path(StateKind kind, const std::string& tensor) {
  switch (kind) {
    case StateKind::kWeight: return "/weights/" + tensor;
    case StateKind::kFirstMoment: return "/first_moment/" + tensor;
    case StateKind::kSecondMoment: return "/second_moment/" + tensor;
  }
  return "/" + tensor;
}

std::int64_t tiles_of_weight(const ParameterSpec& spec) {
  return (spec.elements() + kTileElements - 1) / kTileElements;
}

std::int64_t tile_index(const ParameterSpec& spec, std::int64_t begin) {
  const std::int64_t before = spec.is_expert() ? spec.expert * tiles_of_weight(spec) : 0;
  return before + begin / kTileElements;
}

std::vector<ParameterSpec> stored_tensors(const std::vector<ParameterSpec>& specs) {
  std::vector<ParameterSpec> tensors;
  std::ranges::copy_if(specs, std::back_inserter(tensors), [](const ParameterSpec& spec) {
    return !spec.is_expert() || spec.expert == 0;
  });
  return tensors;
}

std::int64_t bytes_of(const proto::DataSet& data_set) {
  std::int64_t bytes = sizeof(float);
  for (const std::int64_t extent : data_set.shape()) {
    bytes *= extent;
  }
  return bytes;
}

Hash128 hash_outside(int file, const std::filesystem::path& path, const proto::Manifest& manifest,
                     std::int64_t file_bytes) {
  struct Extent {
    std::int64_t begin, end;
  };
  std::vector<Extent> extents;
  for (const proto::DataSet& data_set : manifest.data_sets()) {
    extents.push_back({data_set.offset(), data_set.offset() + bytes_of(data_set)});
  }
  extents.push_back({file_bytes, file_bytes});
  std::ranges::sort(extents, {}, &Extent::begin);
  ContentHash hash;
  std::vector<std::byte> piece(1 << 20);
  std::int64_t at = 0;
  for (const Extent& extent : extents) {
    check_input(at <= extent.begin && extent.end <= file_bytes, path.string(),
                ": data sets overlap or end past the file's ", file_bytes, " bytes");
    while (at < extent.begin) {
      const auto bytes = std::min<std::int64_t>(extent.begin - at, std::ssize(piece));
      const auto part = std::span(piece).first(static_cast<std::size_t>(bytes));
      read_at(file, path, at, part);
      hash.update(part);
      at += bytes;
    }
    at = extent.end;
  }
  return hash.digest();
}

std::string step_folder(std::int64_t step) { return "step-" + std::to_string(step); }

bool has_checkpoint(const std::filesystem::path& folder) {
  return is_file(folder / kLatestFile);
}

}  // namespace bam
