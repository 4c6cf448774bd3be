#include "io/safetensors_header.h"

#include <algorithm>
#include <array>
#include <limits>

#include "io/strict_json.h"
#include "runtime/check.h"

namespace bam {
namespace {

using nlohmann::json;

constexpr const char* kMetadata = "__metadata__";
constexpr std::size_t kAlignment = 8;  // bytes
constexpr std::array kTypes = {SafetensorsType::kFloat32, SafetensorsType::kFloat16,
                               SafetensorsType::kBFloat16};

/// One tensor's entry as JSON, read field by field; `where` begins every message.
class EntryReader {
 public:
  EntryReader(const json& entry, const std::string& where) : entry_(entry), where_(where) {
    check_input(entry.is_object(), where, ": is a JSON ", entry.type_name(),
                " where an object was expected");
    for (const auto& [key, value] : entry.items()) {
      check_input(key == "dtype" || key == "shape" || key == "data_offsets", where, ": ",
                  escaped(key), ": is no field of a tensor");
    }
  }

  SafetensorsType type() const {
    const json& dtype = field("dtype");
    for (const SafetensorsType type : kTypes) {
      if (dtype == name_of(type)) {
        return type;
      }
    }
    throw BadInput(message_of(where_, ": dtype: ", excerpt(dtype), " is none of F32, F16, BF16"));
  }

  Shape shape() const {
    Shape shape;
    for (const json& extent : list("shape")) {
      shape.push_back(whole(extent, "shape"));
    }
    return shape;
  }

  std::array<std::int64_t, 2> offsets() const {
    const json& offsets = list("data_offsets");
    check_input(offsets.size() == 2, where_, ": data_offsets: ", offsets.size(),
                " numbers where 2 were expected");
    return {whole(offsets[0], "data_offsets"), whole(offsets[1], "data_offsets")};
  }

 private:
  static std::string excerpt(const json& value) {
    return value.is_string() ? escaped(value.get_ref<const std::string&>())
                             : value.dump().substr(0, 80);
  }
  const json& field(const char* name) const {
    const auto found = entry_.find(name);
    check_input(found != entry_.end(), where_, ": ", name, ": is missing");
    return *found;
  }
  const json& list(const char* name) const {
    const json& found = field(name);
    check_input(found.is_array(), where_, ": ", name, ": ", excerpt(found),
                " where a list was expected");
    return found;
  }
  std::int64_t whole(const json& value, const char* name) const {
    const bool fits = value.is_number_unsigned() &&
                      value.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max();
    check_input(fits, where_, ": ", name, ": ", excerpt(value),
                " where a whole number of at least 0 was expected");
    return value.get<std::int64_t>();
  }

  const json& entry_;
  const std::string& where_;
};

/// Bytes that a shape takes; more than the file has where they do not fit 64 bits.
std::int64_t bytes_of_shape(const SafetensorsEntry& tensor) {
  std::int64_t bytes = bytes_of(tensor.type);
  for (const std::int64_t extent : tensor.shape) {
    if (__builtin_mul_overflow(bytes, extent, &bytes)) {
      return std::ranges::count(tensor.shape, 0) > 0 ? 0 : std::numeric_limits<std::int64_t>::max();
    }
  }
  return bytes;
}

SafetensorsEntry entry_of(const std::string& name, const json& entry, std::int64_t data_bytes,
                          const std::string& source) {
  const std::string where = source + ": tensor " + escaped(name);
  const EntryReader reader(entry, where);
  const auto [begin, end] = reader.offsets();
  SafetensorsEntry tensor{name, reader.type(), reader.shape(), begin, end};
  check_input(begin <= end && end <= data_bytes, where, ": data_offsets: [", begin, ", ", end,
              "] in ", data_bytes, " bytes of data");
  const std::int64_t bytes = bytes_of_shape(tensor);
  check_input(end - begin == bytes, where, ": data_offsets: ", end - begin, " bytes where ",
              name_of(tensor.type), " of shape ", text_of(tensor.shape), " takes ", bytes);
  return tensor;
}

void check_metadata(const json& metadata, const std::string& source) {
  const bool is_text = metadata.is_object() && std::ranges::all_of(metadata, [](const json& value) {
                         return value.is_string();
                       });
  check_input(is_text, source, ": ", kMetadata, ": expected an object of strings");
}

void check_cover(const std::vector<SafetensorsEntry>& tensors, std::int64_t data_bytes,
                 const std::string& source) {
  std::int64_t at = 0;
  for (const SafetensorsEntry& tensor : tensors) {
    check_input(tensor.begin == at, source, ": tensor ", escaped(tensor.name),
                ": data_offsets: begins at byte ", tensor.begin, " where the one before ends at ",
                at, tensor.begin < at ? " (they overlap)" : " (a gap)");
    at = tensor.end;
  }
  check_input(at == data_bytes, source, ": ", data_bytes - at, " bytes after the last tensor");
}

}  // namespace

std::vector<SafetensorsEntry> parse_safetensors_header(std::string_view text,
                                                       std::int64_t data_bytes,
                                                       const std::string& source) {
  check_input(text.starts_with('{'), source, ": its header does not begin with {");
  const json header = parse_strict_json(text, source);
  std::vector<SafetensorsEntry> tensors;
  for (const auto& [name, entry] : header.items()) {
    if (name == kMetadata) {
      check_metadata(entry, source);
    } else {
      tensors.push_back(entry_of(name, entry, data_bytes, source));
    }
  }
  std::ranges::sort(tensors, {}, [](const SafetensorsEntry& tensor) {
    return std::array{tensor.begin, tensor.end};
  });
  check_cover(tensors, data_bytes, source);
  return tensors;
}

std::string safetensors_header(const std::vector<SafetensorsEntry>& tensors) {
  nlohmann::ordered_json header = {{kMetadata, {{"format", "pt"}}}};
  for (const SafetensorsEntry& tensor : tensors) {
    header[tensor.name] = {{"dtype", name_of(tensor.type)},
                           {"shape", tensor.shape},
                           {"data_offsets", {tensor.begin, tensor.end}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  std::string bytes(sizeof(std::uint64_t), '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>((text.size() >> (8 * i)) & 0xffU);
  }
  return bytes + text;
}

}  // namespace bam
