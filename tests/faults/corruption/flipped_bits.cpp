#include <algorithm>
#include <random>

#include "io/checkpoint_format.h"
#include "runtime/check.h"
#include "tests/faults/corruption/damage.h"

namespace bam {
namespace {

constexpr unsigned kSeed = 20'241'125;

/// What a refusal says of a byte of data.h5.
std::string name_at(const SpoiltRun& run, std::int64_t offset) {
  const auto after = std::ranges::upper_bound(run.tiles(), offset, {}, &TilePlace::begin);
  if (after != run.tiles().begin() && offset < std::prev(after)->end) {
    return std::prev(after)->name();
  }
  return "data.h5: damaged outside its tensors";
}

/// Puts other bytes into a file for a while.
Damage patched(const SpoiltFile& file, std::int64_t offset, std::string bytes, std::string kind,
               std::string named) {
  const std::string before = file.whole().substr(static_cast<std::size_t>(offset), bytes.size());
  return {
      .kind = std::move(kind),
      .what = message_of(file.path().filename().string(), ", ", bytes.size(), " bytes at ", offset),
      .named = std::move(named),
      .make = [&file, offset, bytes = std::move(bytes)] { file.patch(offset, bytes); },
      .undo = [&file, offset, before] { file.patch(offset, before); }};
}

Damage flipped(const SpoiltFile& file, std::int64_t offset, unsigned bit, std::string kind,
               std::string named) {
  const auto byte = static_cast<unsigned char>(file.whole()[static_cast<std::size_t>(offset)]);
  return patched(file, offset, std::string(1, static_cast<char>(byte ^ (1U << bit))),
                 std::move(kind), std::move(named));
}

void add_manifest(const SpoiltRun& run, std::int64_t stride, std::mt19937& random,
                  std::vector<Damage>& out) {
  for (std::int64_t at = 0; at < run.manifest().size(); at += stride) {
    out.push_back(flipped(run.manifest(), at, random() % 8, "a bit of the manifest",
                          "step-3/manifest: damaged"));
  }
}

/// Half anywhere in the tensors, half in a tile drawn first, so that small ones are hit too.
void add_tensors(const SpoiltRun& run, std::int64_t count, std::mt19937& random,
                 std::vector<Damage>& out) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto& tile = run.tiles()[random() % run.tiles().size()];
    std::int64_t at = tile.begin + random() % (tile.end - tile.begin);
    if (i % 2 == 0) {
      at = random() % run.data().size();
    }
    out.push_back(flipped(run.data(), at, random() % 8, "a bit of the data", name_at(run, at)));
  }
}

void add_structure(const SpoiltRun& run, std::int64_t count, std::mt19937& random,
                   std::vector<Damage>& out) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t at = run.outside()[random() % run.outside().size()];
    out.push_back(
        flipped(run.data(), at, random() % 8, "a bit of HDF5's structure", name_at(run, at)));
  }
}

void add_bursts(const SpoiltRun& run, std::int64_t count, std::mt19937& random,
                std::vector<Damage>& out) {
  while (count > 0) {
    const std::int64_t length = 2 + random() % 63;
    const std::int64_t at = random() % (run.data().size() - length);
    std::string bytes(static_cast<std::size_t>(length), '\0');
    std::ranges::generate(bytes, [&] { return static_cast<char>(random()); });
    if (run.data().whole().compare(static_cast<std::size_t>(at), bytes.size(), bytes) != 0) {
      out.push_back(patched(run.data(), at, bytes, "up to 64 bytes of data.h5", "data.h5: "));
      --count;
    }
  }
}

}  // namespace

std::vector<Damage> flipped_bits(const SpoiltRun& run, const Amount& amount) {
  std::mt19937 random(kSeed);
  std::vector<Damage> all;
  add_manifest(run, amount.manifest_stride, random, all);
  add_tensors(run, amount.bits, random, all);
  add_structure(run, amount.structure_bits, random, all);
  add_bursts(run, amount.bursts, random, all);
  return all;
}

}  // namespace bam
