#include "io/output_folder.h"

#include <system_error>

#include "io/open_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSpareBytes = std::int64_t{16} << 20;

/// Absolute, without a slash at its end.
fs::path plain(const fs::path& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

fs::path beside(fs::path path) {
  path += ".partial";
  return path;
}

}  // namespace

OutputFolder::OutputFolder(const fs::path& path, std::int64_t bytes)
    : path_(plain(path)), draft_(beside(path_)) {
  const bool is_free = !fs::exists(path_) || (fs::is_directory(path_) && fs::is_empty(path_));
  check_input(is_free, path.string(), ": is there already");
  std::error_code failure;
  fs::remove_all(draft_, failure);
  fs::create_directories(draft_, failure);
  check_input(!failure, draft_.string(), ": cannot be made: ", failure.message());
  const auto available = static_cast<std::int64_t>(fs::space(draft_).available);
  if (available < bytes + kSpareBytes) {
    fs::remove_all(draft_, failure);
    throw Error(message_of(path.string(), ": ", available, " bytes are free where ",
                           bytes + kSpareBytes, " are needed"));
  }
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  fs::remove_all(draft_, ignored);
}

void OutputFolder::commit() {
  sync_folder(draft_);
  fs::rename(draft_, path_);
  sync_folder(path_.parent_path());
}

}  // namespace bam
