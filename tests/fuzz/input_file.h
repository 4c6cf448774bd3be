#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/io/temporary_folder.h"

namespace bam {

/// A folder that lasts as long as the process, for targets that read files.
inline const std::filesystem::path& input_folder() {
  static const TemporaryFolder folder;
  return folder.path();
}

/// Makes the file anew, without syncing it as the library would.
inline void put_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// The bytes as a file of that name in the input folder.
inline std::filesystem::path input_file(const std::string& name, std::string_view bytes) {
  std::filesystem::path path = input_folder() / name;
  put_file(path, bytes);
  return path;
}

}  // namespace bam
