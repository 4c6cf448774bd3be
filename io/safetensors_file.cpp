#include "io/safetensors_file.h"

#include <array>

#include "io/strict_json.h"
#include "io/text_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLengthBytes = 8;
constexpr std::uintmax_t kMostIndexBytes = std::uintmax_t{64} << 20;

std::uint64_t header_bytes(const OpenFile& file) {
  check_input(file.size() >= kLengthBytes, file.path().string(), ": ", file.size(),
              " bytes are no safetensors file");
  std::array<std::byte, kLengthBytes> stored{};
  read_at(file.descriptor(), file.path(), 0, stored);
  std::uint64_t length = 0;
  for (std::size_t i = stored.size(); i-- > 0;) {
    length = length << 8 | std::to_integer<std::uint64_t>(stored[i]);
  }
  check_input(length <= kMostHeaderBytes, file.path().string(), ": header length: ", length,
              " bytes where at most ", kMostHeaderBytes, " were expected");
  const auto rest = static_cast<std::uint64_t>(file.size() - kLengthBytes);
  check_input(length <= rest, file.path().string(), ": header length: ", length,
              " bytes in a file with ", rest, " after it");
  return length;
}

/// The files of an index by the tensors they hold.
std::map<std::string, std::string> read_index(const fs::path& path) {
  check_input(fs::file_size(path) <= kMostIndexBytes, path.string(), ": larger than ",
              kMostIndexBytes, " bytes");
  const nlohmann::json index = parse_strict_json(read_file(path), path.string());
  const auto map = index.find("weight_map");
  check_input(map != index.end() && map->is_object() && !map->empty(), path.string(),
              ": weight_map: expected the files of tensors by their names");
  std::map<std::string, std::string> files;
  for (const auto& [tensor, file] : map->items()) {
    const bool is_name = file.is_string() && !file.get<std::string>().empty() &&
                         fs::path(file.get<std::string>()).filename() == file.get<std::string>();
    check_input(is_name && file != "." && file != "..", path.string(),
                ": weight_map: ", escaped(tensor), ": ",
                escaped(file.is_string() ? file.get<std::string>() : file.dump()),
                " is not the name of a file beside it");
    files.emplace(tensor, file.get<std::string>());
  }
  return files;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const fs::path& path) : file_(path, OpenFile::Mode::kRead) {
  std::string text(header_bytes(file_), '\0');
  read_at(file_.descriptor(), path, kLengthBytes,
          std::as_writable_bytes(std::span(text.data(), text.size())));
  data_offset_ = kLengthBytes + static_cast<std::int64_t>(text.size());
  tensors_ = parse_safetensors_header(text, file_.size() - data_offset_, path.string());
}

void SafetensorsFile::read(const SafetensorsEntry& tensor, std::int64_t begin,
                           std::span<float> out) const {
  const std::int64_t end = begin + std::ssize(out);
  check(0 <= begin && end <= elements_of(tensor.shape), tensor.name, ": elements [", begin, ", ",
        end, ")");
  const std::int64_t element_bytes = bytes_of(tensor.type);
  std::vector<std::byte> stored(out.size() * static_cast<std::size_t>(element_bytes));
  read_at(file_.descriptor(), file_.path(), data_offset_ + tensor.begin + begin * element_bytes,
          stored);
  widen(tensor.type, stored, out);
}

SafetensorsModel::SafetensorsModel(const fs::path& folder) : folder_(folder) {
  if (fs::exists(folder / kSafetensorsFile)) {
    add(folder / kSafetensorsFile);
    return;
  }
  const fs::path index = folder / kSafetensorsIndex;
  check_input(fs::is_regular_file(index), folder.string(), ": has neither ", kSafetensorsFile,
              " nor ", kSafetensorsIndex);
  const std::map<std::string, std::string> files = read_index(index);
  for (const auto& [tensor, file] : files) {
    if (!files_.contains(folder / file)) {
      add(folder / file);
    }
    check_input(places_.contains(tensor) && places_[tensor].file->path() == folder / file,
                (folder / file).string(), ": has no tensor ", escaped(tensor), ", though ",
                kSafetensorsIndex, " names it");
  }
  for (const auto& [tensor, place] : places_) {
    check_input(files.contains(tensor), place.file->path().string(), ": tensor ", escaped(tensor),
                ": is not in ", kSafetensorsIndex);
  }
}

void SafetensorsModel::add(const fs::path& path) {
  const SafetensorsFile& file = files_.try_emplace(path, path).first->second;
  for (const SafetensorsEntry& tensor : file.tensors()) {
    check_input(places_.emplace(tensor.name, Place{&file, &tensor}).second, path.string(),
                ": tensor ", escaped(tensor.name), ": is in another file too");
  }
}

std::vector<std::string> SafetensorsModel::names() const {
  std::vector<std::string> names;
  for (const auto& [name, place] : places_) {
    names.push_back(name);
  }
  return names;
}

const SafetensorsModel::Place& SafetensorsModel::at(const std::string& name) const {
  const auto found = places_.find(name);
  check_input(found != places_.end(), folder_.string(), ": has no tensor ", escaped(name));
  return found->second;
}

void SafetensorsModel::read(const std::string& name, std::int64_t begin,
                            std::span<float> out) const {
  const Place& place = at(name);
  place.file->read(*place.entry, begin, out);
}

}  // namespace bam
