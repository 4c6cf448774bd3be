#include "io/snapshot_file.h"

#include "io/text_file.h"
#include "io/uncached_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

using Part = CheckpointSnapshot::Part;

constexpr std::int64_t kLargestWrite = std::int64_t{8} << 20;  // bytes; a disk likes few large ones

bool follows(const Part& part, const Part& before) {
  return part.offset == before.offset + std::ssize(before.bytes) &&
         part.bytes.data() == before.bytes.data() + before.bytes.size();
}

/// The first parts, as many as one write can take.
std::span<const Part> next_run(std::span<const Part> parts) {
  std::size_t count = 1;
  std::int64_t bytes = std::ssize(parts.front().bytes);
  while (count < parts.size() && follows(parts[count], parts[count - 1]) &&
         bytes + std::ssize(parts[count].bytes) <= kLargestWrite) {
    bytes += std::ssize(parts[count].bytes);
    ++count;
  }
  return parts.first(count);
}

std::span<const std::byte> bytes_in(std::span<const Part> run) {
  const std::byte* end = run.back().bytes.data() + run.back().bytes.size();
  return {run.front().bytes.data(), end};
}

}  // namespace

std::string write_parts(const std::filesystem::path& data_file, std::span<const Part> parts,
                        const BlankDataFile* blank, const std::atomic<bool>& is_given_up) {
  make_folder(data_file.parent_path());
  UncachedFile file(data_file);
  if (blank != nullptr) {
    blank->start(file.cached());
  }
  std::vector<TileHash> hashes;
  while (!parts.empty()) {
    check(!is_given_up, data_file.string(), ": given up");
    const std::span<const Part> run = next_run(parts);
    for (const Part& part : run) {
      hashes.push_back({part.data_set, part.tile, hash_of(part.bytes)});
    }
    file.write(run.front().offset, bytes_in(run));
    parts = parts.subspan(run.size());
  }
  file.sync();
  return bytes_of(hashes);
}

}  // namespace bam
