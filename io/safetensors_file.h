#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/open_file.h"
#include "io/safetensors_header.h"

namespace bam {

/// A safetensors file, its header checked; values are read where they lie.
class SafetensorsFile {
 public:
  /// Throws BadInput, naming file, tensor and value, unless the header is sound.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }
  const std::vector<SafetensorsEntry>& tensors() const { return tensors_; }
  /// Elements [begin, begin + out.size()) of one of the tensors, row-major, widened to fp32.
  void read(const SafetensorsEntry& tensor, std::int64_t begin, std::span<float> out) const;

 private:
  OpenFile file_;
  std::int64_t data_offset_ = 0;  // bytes
  std::vector<SafetensorsEntry> tensors_;
};

/// The tensors of a model's folder: those of `model.safetensors`, or of the shards that
/// `model.safetensors.index.json` names.
class SafetensorsModel {
 public:
  /// Throws BadInput where there is neither, where a header is not sound, and where the index and
  /// the shards do not name the same tensors in the same files.
  explicit SafetensorsModel(const std::filesystem::path& folder);

  /// The names of all tensors, sorted.
  std::vector<std::string> names() const;
  /// Throws BadInput where there is no such tensor.
  const Shape& shape(const std::string& name) const { return at(name).entry->shape; }
  void read(const std::string& name, std::int64_t begin, std::span<float> out) const;

 private:
  struct Place {
    const SafetensorsFile* file;
    const SafetensorsEntry* entry;
  };
  void add(const std::filesystem::path& file);
  const Place& at(const std::string& name) const;

  std::filesystem::path folder_;
  std::map<std::filesystem::path, SafetensorsFile> files_;
  std::map<std::string, Place> places_;
};

inline constexpr const char* kSafetensorsFile = "model.safetensors";
inline constexpr const char* kSafetensorsIndex = "model.safetensors.index.json";

}  // namespace bam
