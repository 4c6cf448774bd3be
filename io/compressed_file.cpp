#include "io/compressed_file.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

#include "runtime/check.h"

namespace bam {
namespace {

struct Packer {
  std::string_view begin;  // of every file that it packed
  std::string_view name;
  std::string_view unpacks;
};

using namespace std::string_view_literals;

constexpr std::array kPackers = {Packer{"\x1f\x8b"sv, "gzip", "gzip -dk"},
                                 Packer{"\xfd\x37zXZ\0"sv, "xz", "xz -dk"},
                                 Packer{"\x28\xb5\x2f\xfd"sv, "zstd", "zstd -d"},
                                 Packer{"\x04\x22\x4d\x18"sv, "lz4", "lz4 -d"},
                                 Packer{"PK\x03\x04"sv, "zip", "unzip"}};

/// bzip2 has a digit between what is always the same.
bool is_bzip2(std::string_view head) {
  return head.starts_with("BZh") && head.substr(std::min<std::size_t>(head.size(), 4)) == "1AY&SY";
}

}  // namespace

void check_not_compressed(const std::filesystem::path& path) {
  std::array<char, 10> bytes{};
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), bytes.size());
  const std::string_view head(bytes.data(), static_cast<std::size_t>(file.gcount()));
  const auto refuse = [&](std::string_view name, std::string_view unpacks) {
    throw BadInput(message_of(path.string(), ": is compressed (", name, "); unpack it first: ",
                              unpacks, " ", path.string()));
  };
  for (const Packer& packer : kPackers) {
    if (head.starts_with(packer.begin)) {
      refuse(packer.name, packer.unpacks);
    }
  }
  if (is_bzip2(head)) {
    refuse("bzip2", "bzip2 -dk");
  }
}

}  // namespace bam
