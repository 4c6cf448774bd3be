#include <algorithm>
#include <set>

#include "runtime/check.h"
#include "tests/faults/corruption/damage.h"

namespace bam {
namespace {

constexpr std::int64_t kPage = 4096;  // bytes

/// Where something begins or ends in data.h5.
std::set<std::int64_t> boundaries_of(const SpoiltRun& run, std::int64_t stride) {
  std::set<std::int64_t> boundaries = {0, 8, 96,
                                       run.data().size()};  // HDF5's signature, superblock
  for (std::size_t i = 0; i < run.tiles().size(); i += static_cast<std::size_t>(stride)) {
    boundaries.insert({run.tiles()[i].begin, run.tiles()[i].end});
  }
  return boundaries;
}

Damage changed(const SpoiltFile& file, std::string kind, std::string what, std::string named,
               std::function<void()> make) {
  return {.kind = std::move(kind),
          .what = file.path().filename().string() + " " + std::move(what),
          .named = std::move(named),
          .make = std::move(make),
          .undo = [&file] { file.restore(); }};
}

void add_cuts(const SpoiltFile& file, const std::set<std::int64_t>& sizes, const std::string& named,
              std::vector<Damage>& out) {
  for (const std::int64_t size : sizes) {
    if (size >= 0 && size < file.size()) {
      out.push_back(changed(file, "cut", message_of("of ", size, " bytes"), named,
                            [&file, size] { file.cut(size); }));
    }
  }
}

void add_lengthened(const SpoiltFile& file, const std::string& named, std::vector<Damage>& out) {
  for (const std::size_t more : {1U, 8U, 16U, 4096U, 1U << 20}) {
    const std::string first = file.whole().substr(0, more);
    for (const std::string& bytes : {std::string(more, '\0'), std::string(more, 'x'), first}) {
      out.push_back(changed(file, "lengthened", message_of("and ", bytes.size(), " bytes"), named,
                            [&file, bytes] { file.append(bytes); }));
    }
  }
}

/// Zeros in place of a page that holds anything else.
void add_zeros(const SpoiltFile& file, std::int64_t begin, const std::string& named,
               std::vector<Damage>& out) {
  const std::int64_t end = std::min(begin + kPage, file.size());
  const auto at = static_cast<std::size_t>(begin);
  const std::string zeros(static_cast<std::size_t>(std::max<std::int64_t>(end - begin, 0)), '\0');
  if (!zeros.empty() && file.whole().compare(at, zeros.size(), zeros) != 0) {
    out.push_back(changed(file, "a page zeroed", message_of("from ", begin), named,
                          [&file, begin, zeros] { file.patch(begin, zeros); }));
  }
}

/// Every boundary and the bytes beside it.
std::set<std::int64_t> around(const std::set<std::int64_t>& boundaries) {
  std::set<std::int64_t> all;
  for (const std::int64_t at : boundaries) {
    all.insert({at - 1, at, at + 1});
  }
  return all;
}

std::set<std::int64_t> every(std::int64_t stride, std::int64_t size) {
  std::set<std::int64_t> all;
  for (std::int64_t at = 0; at < size; at += stride) {
    all.insert(at);
  }
  return all;
}

}  // namespace

std::vector<Damage> cut_files(const SpoiltRun& run, const Amount& amount) {
  std::vector<Damage> all;
  const std::set<std::int64_t> boundaries = boundaries_of(run, amount.boundary_stride);
  add_cuts(run.data(), around(boundaries), "step-3/data.h5: ", all);
  add_cuts(run.manifest(), every(7 * amount.boundary_stride, run.manifest().size()),
           "step-3/manifest: ", all);
  add_lengthened(run.data(), "step-3/data.h5: ", all);
  add_lengthened(run.manifest(), "step-3/manifest: ", all);
  std::set<std::int64_t> pages;
  for (const std::int64_t at : boundaries) {
    pages.insert({at, at / kPage * kPage});
  }
  for (const std::int64_t at : pages) {
    add_zeros(run.data(), at, "step-3/data.h5: ", all);
  }
  add_zeros(run.manifest(), 0, "step-3/manifest: ", all);
  add_zeros(run.manifest(), run.manifest().size() / 2, "step-3/manifest: ", all);
  return all;
}

}  // namespace bam
