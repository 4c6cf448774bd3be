#pragma once

#include <filesystem>

namespace bam {

/// Throws BadInput, naming the file, what packed it and what unpacks it, where it begins as a
/// compressed file does (gzip, xz, zstd, bzip2, lz4, zip). One that cannot be read passes.
void check_not_compressed(const std::filesystem::path& path);

}  // namespace bam
