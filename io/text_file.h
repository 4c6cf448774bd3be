#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace bam {

/// Whether a file, or a folder, lies there. A path that cannot be looked at (too long, not
/// permitted) is neither.
bool is_file(const std::filesystem::path& path);
bool is_folder(const std::filesystem::path& path);

/// The bytes of a file. Throws BadInput, naming it, where it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// Makes a folder and those above it. Throws BadInput, naming it, where it cannot be made.
void make_folder(const std::filesystem::path& path);
/// The same refusal, where it can be foreseen, before anything is made.
void check_folder_can_be_made(const std::filesystem::path& path);

/// Writes under a temporary name, syncs and renames: readers see the old file or the new one, never
/// a part. Throws BadInput, naming it, where it cannot be written.
void write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace bam
