#include "io/checkpoint_snapshot.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "io/uncached_file.h"
#include "runtime/check.h"
#include "runtime/elementwise.h"

namespace bam {
namespace {

using Part = CheckpointSnapshot::Part;

std::map<std::string, int> indices_of(const proto::Manifest& layout) {
  std::map<std::string, int> indices;
  for (const proto::DataSet& data_set : layout.data_sets()) {
    indices.emplace(data_set.path(), static_cast<int>(indices.size()));
  }
  return indices;
}

/// The tiles where they are.
std::vector<Part> parts_of(const proto::Manifest& layout, const std::vector<ParameterSpec>& specs,
                           std::span<const OwnedTile> tiles) {
  const std::map<std::string, int> indices = indices_of(layout);
  std::vector<Part> parts;
  for (const OwnedTile& owned : tiles) {
    const ParameterSpec& spec = specs.at(static_cast<std::size_t>(owned.tile.spec));
    const auto add = [&](StateKind kind, std::span<const float> values) {
      const std::string path = data_set_path(kind, spec.tensor);
      const auto found = indices.find(path);
      check(found != indices.end(), path, ": is not to be stored");
      check(std::ssize(values) == owned.tile.elements(), path, ": ", values.size(),
            " values for a tile of ", owned.tile.elements());
      const std::int64_t first = spec.first_element() + owned.tile.begin;
      parts.push_back({.data_set = found->second,
                       .tile = tile_index(spec, owned.tile.begin),
                       .offset = layout.data_sets(found->second).offset() +
                                 first * static_cast<std::int64_t>(sizeof(float)),
                       .bytes = std::as_bytes(values)});
    };
    add(StateKind::kWeight, owned.weight);
    if (!owned.first_moment.empty()) {
      add(StateKind::kFirstMoment, owned.first_moment);
      add(StateKind::kSecondMoment, owned.second_moment);
    }
  }
  std::ranges::sort(parts, {}, &Part::offset);
  return parts;
}

/// The first place from `at` on that lies in a block as `offset` does.
std::int64_t place_like(std::int64_t offset, std::int64_t at) {
  constexpr std::int64_t kBlock = UncachedFile::kBlock;
  return at + ((offset - at) % kBlock + kBlock) % kBlock;
}

/// Where copies of the parts go, and after them where the last one ends.
std::vector<std::int64_t> places_of(const std::vector<Part>& parts) {
  std::vector<std::int64_t> places;
  std::int64_t end = 0;
  for (const Part& part : parts) {
    places.push_back(place_like(part.offset, end));
    end = places.back() + std::ssize(part.bytes);
  }
  places.push_back(end);
  return places;
}

}  // namespace

CheckpointSnapshot::CheckpointSnapshot(const proto::Manifest& layout,
                                       const std::vector<ParameterSpec>& specs,
                                       std::span<const OwnedTile> tiles)
    : parts_(parts_of(layout, specs, tiles)) {}

CheckpointSnapshot::CheckpointSnapshot(const proto::Manifest& layout,
                                       const std::vector<ParameterSpec>& specs,
                                       std::span<const OwnedTile> tiles, Stream& stream)
    : parts_(parts_of(layout, specs, tiles)) {
  const std::vector<std::int64_t> places = places_of(parts_);
  const std::int64_t spare = UncachedFile::kBlock;  // memory begins anywhere in a block
  const auto float_bytes = static_cast<std::int64_t>(sizeof(float));
  staging_ = Tensor(stream, {(places.back() + spare) / float_bytes + 1}, DType::kFloat32);
  fill_zero(stream, staging_);  // so that no save waits for pages
  const auto address = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(staging_.raw()));
  const std::byte* base = staging_.raw() + place_like(0, address) - address;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    sources_.push_back(parts_[i].bytes);
    parts_[i].bytes = {base + places[i], parts_[i].bytes.size()};
  }
}

void CheckpointSnapshot::capture() {
  const auto count = std::ssize(sources_);
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < count; ++i) {
    const auto part = static_cast<std::size_t>(i);
    const std::ptrdiff_t place = parts_[part].bytes.data() - staging_.raw();
    std::memcpy(staging_.raw() + place, sources_[part].data(), sources_[part].size());
  }
}

std::int64_t CheckpointSnapshot::bytes() const {
  std::int64_t bytes = 0;
  for (const Part& part : parts_) {
    bytes += std::ssize(part.bytes);
  }
  return bytes;
}

}  // namespace bam
