#pragma once

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/text_file.h"

namespace bam {

/// A safetensors file as the format's description has it, made without the library's writer.
class MadeSafetensors {
 public:
  void add(const std::string& name, const std::string& dtype,
           const std::vector<std::int64_t>& shape, const std::string& bytes) {
    header[name] = {{"dtype", dtype},
                    {"shape", shape},
                    {"data_offsets", {data.size(), data.size() + bytes.size()}}};
    data += bytes;
  }
  static std::string with_length(std::uint64_t length, const std::string& rest) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    return bytes + rest;
  }
  std::string bytes() const {
    const std::string text = header.dump();
    return with_length(text.size(), text + data);
  }
  void write(const std::filesystem::path& path) const { write_file(path, bytes()); }

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::string data;
};

/// The bytes of values of any plain type.
template <class T>
std::string bytes_of_values(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace bam
