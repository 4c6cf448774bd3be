#include "io/checkpoint_snapshot.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "io/uncached_file.h"
#include "runtime/check.h"
#include "runtime/elementwise.h"
#include "runtime/host.h"

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

struct CheckpointSnapshot::Stored {
  Part part;
  Source source;
};

std::vector<CheckpointSnapshot::Stored> CheckpointSnapshot::stored_of(
    const proto::Manifest& layout, const std::vector<ParameterSpec>& specs,
    std::span<const OwnedTile> tiles) {
  const std::map<std::string, int> indices = indices_of(layout);
  std::vector<Stored> stored;
  for (const OwnedTile& owned : tiles) {
    const ParameterSpec& spec = specs.at(static_cast<std::size_t>(owned.tile.spec));
    const auto add = [&](StateKind kind, std::span<const float> values, const Tensor& on_gpu) {
      const std::string path = data_set_path(kind, spec.tensor);
      const auto found = indices.find(path);
      check(found != indices.end(), path, ": is not to be stored");
      check(std::ssize(values) == owned.tile.elements(), path, ": ", values.size(),
            " values for a tile of ", owned.tile.elements());
      const std::int64_t first = spec.first_element() + owned.tile.begin;
      const Part part{.data_set = found->second,
                      .tile = tile_index(spec, owned.tile.begin),
                      .offset = layout.data_sets(found->second).offset() +
                                first * static_cast<std::int64_t>(sizeof(float)),
                      .bytes = std::as_bytes(values)};
      stored.push_back({part, {part.bytes, on_gpu}});
    };
    const Tensor& moments = owned.moments_on_gpu;
    add(StateKind::kWeight, owned.weight, owned.weight_on_gpu);
    if (!owned.first_moment.empty()) {
      add(StateKind::kFirstMoment, owned.first_moment,
          moments.empty() ? Tensor() : moments.slice(0, 1));
      add(StateKind::kSecondMoment, owned.second_moment,
          moments.empty() ? Tensor() : moments.slice(1, 2));
    }
  }
  std::ranges::sort(stored, {}, [](const Stored& each) { return each.part.offset; });
  return stored;
}

CheckpointSnapshot::CheckpointSnapshot(std::vector<Stored> stored) {
  for (Stored& each : stored) {
    parts_.push_back(each.part);
    sources_.push_back(std::move(each.source));
  }
}

CheckpointSnapshot::CheckpointSnapshot(const proto::Manifest& layout,
                                       const std::vector<ParameterSpec>& specs,
                                       std::span<const OwnedTile> tiles)
    : CheckpointSnapshot(stored_of(layout, specs, tiles)) {
  check(std::ranges::all_of(sources_, [](const Source& each) { return each.on_gpu.empty(); }),
        "a checkpoint of tiles on a GPU without copies of them");
}

CheckpointSnapshot::CheckpointSnapshot(const proto::Manifest& layout,
                                       const std::vector<ParameterSpec>& specs,
                                       std::span<const OwnedTile> tiles, Stream& stream)
    : CheckpointSnapshot(stored_of(layout, specs, tiles)) {
  stream_ = &stream;
  if (stream.device() == DeviceKind::kCuda) {
    pinned_memory_ = std::make_unique<Memory>(Pages::kPinned);
    pinned_ = std::make_unique<Stream>(*pinned_memory_);
  }
  Stream& host = pinned_ ? *pinned_ : stream;
  const std::vector<std::int64_t> places = places_of(parts_);
  const std::int64_t spare = UncachedFile::kBlock;  // memory begins anywhere in a block
  const auto float_bytes = static_cast<std::int64_t>(sizeof(float));
  staging_ = Tensor(host, {(places.back() + spare) / float_bytes + 1}, DType::kFloat32);
  fill_zero(host, staging_);  // so that no save waits for pages
  const auto address = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(staging_.raw()));
  const std::byte* base = staging_.raw() + place_like(0, address) - address;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    parts_[i].bytes = {base + places[i], parts_[i].bytes.size()};
  }
}

void CheckpointSnapshot::capture() {
  if (stream_ == nullptr) {
    return;
  }
  const auto place_of = [&](std::size_t part) {
    return staging_.raw() + (parts_[part].bytes.data() - staging_.raw());
  };
  for (std::size_t part = 0; part < sources_.size(); ++part) {
    if (const Tensor& on_gpu = sources_[part].on_gpu; !on_gpu.empty()) {
      to_host(*stream_, on_gpu, {place_of(part), parts_[part].bytes.size()});
    }
  }
  const auto count = std::ssize(sources_);
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < count; ++i) {
    const auto part = static_cast<std::size_t>(i);
    if (const Source& source = sources_[part]; source.on_gpu.empty()) {
      std::memcpy(place_of(part), source.bytes.data(), source.bytes.size());
    }
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
