#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace bam {

/// The bytes of a file. Throws BadInput, naming it, where it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// Writes under a temporary name, syncs and renames: readers see the old file or the new one, never
/// a part. Throws BadInput, naming it, where it cannot be written.
void write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace bam
