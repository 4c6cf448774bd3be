#include "io/blank_data_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/check.h"

namespace bam {

BlankDataFile::BlankDataFile(const std::filesystem::path& folder,
                             const std::vector<ParameterSpec>& specs, const IsStored& is_stored)
    : layout_(begin_draft(folder, 0, specs, is_stored)) {
  const OpenFile file(draft_folder(folder, 0) / kDataFile, OpenFile::Mode::kRead);
  file_bytes_ = file.size();
  for (const FileRange& range : ranges_outside(layout_, file_bytes_, file.path())) {
    outside_.push_back(
        {range.begin, std::vector<std::byte>(static_cast<std::size_t>(range.end - range.begin))});
    read_at(file.descriptor(), file.path(), range.begin, outside_.back().bytes);
  }
  drop_draft(folder, 0);
}

void BlankDataFile::start(const OpenFile& file) const {
  const bool is_sized = ::ftruncate(file.descriptor(), file_bytes_) == 0;
  check(is_sized, file.path().string(), ": cannot have ", file_bytes_,
        " bytes: ", std::strerror(errno));
  for (const Piece& piece : outside_) {
    write_at(file.descriptor(), file.path(), piece.offset, piece.bytes);
  }
}

}  // namespace bam
