#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tensor.h"

namespace bam {

/// Element types of the data sets that this project writes; all little-endian in the file.
enum class FileType : std::uint8_t { kFloat32, kUint16, kUint32, kUint64 };

std::string_view name_of(FileType type);
std::size_t bytes_of(FileType type);

template <class T>
constexpr FileType file_type_of();
template <>
constexpr FileType file_type_of<float>() { return FileType::kFloat32; }
template <>
constexpr FileType file_type_of<std::uint16_t>() { return FileType::kUint16; }
template <>
constexpr FileType file_type_of<std::uint32_t>() { return FileType::kUint32; }
template <>
constexpr FileType file_type_of<std::uint64_t>() { return FileType::kUint64; }

/// Where a contiguous data set lies in its file, so that it can be read and written without HDF5.
struct DataSetLayout {
  FileType type = FileType::kFloat32;
  Shape shape;
  std::int64_t offset = 0;  // bytes from the start of the file; 0 for a data set of no elements

  std::int64_t elements() const { return elements_of(shape); }
  std::int64_t bytes() const { return elements() * static_cast<std::int64_t>(bytes_of(type)); }
};

/// An HDF5 file of plain contiguous data sets. Every failure is an exception naming the file: Error
/// where writing fails, BadInput where a file read is not of that kind. One thread at a time uses
/// HDF5 in a process. The same calls make the same bytes.
class Hdf5File {
 public:
  /// A new file; replaces what was there.
  static Hdf5File create(const std::filesystem::path& path);
  /// Throws BadInput where there is no HDF5 file.
  static Hdf5File open_read_only(const std::filesystem::path& path);

  Hdf5File(Hdf5File&& other) noexcept;
  Hdf5File& operator=(Hdf5File&&) = delete;
  ~Hdf5File();

  /// Makes a data set and the groups above it; its bytes are allocated and left unset. Returns
  /// where they lie. After close() they may be written with pwrite.
  DataSetLayout create_contiguous(const std::string& path_in_file, FileType type,
                                  const Shape& shape);
  /// Throws BadInput unless there is a plain data set: reached by hard links alone, contiguous in
  /// this file, little-endian, of a FileType, and wholly inside the file.
  DataSetLayout describe(const std::string& path_in_file) const;
  bool contains(const std::string& path_in_file) const;

  /// A one-dimensional data set, made and filled.
  template <class T>
  void write(const std::string& path_in_file, std::span<const T> values) {
    create_contiguous(path_in_file, file_type_of<T>(),
                      {static_cast<std::int64_t>(values.size())});
    write_elements(path_in_file, file_type_of<T>(), values.data());
  }
  /// All elements of a data set, row-major. Throws BadInput unless it holds T's.
  template <class T>
  std::vector<T> read(const std::string& path_in_file) const {
    const DataSetLayout layout = describe(path_in_file);
    std::vector<T> values(static_cast<std::size_t>(layout.elements()));
    read_elements(path_in_file, layout, file_type_of<T>(), values.data());
    return values;
  }

  /// Attributes of a group or data set ("/" is the file's root).
  void write_attribute(const std::string& object, const std::string& name, std::int64_t value);
  void write_attribute(const std::string& object, const std::string& name,
                       std::string_view value);
  /// Throws BadInput where there is no such attribute of that kind.
  std::int64_t read_integer(const std::string& object, const std::string& name) const;
  std::string read_string(const std::string& object, const std::string& name) const;

  /// Writes what is held back and closes; throws Error where that fails. Nothing may be called
  /// after it. The destructor closes silently.
  void close();

  const std::filesystem::path& path() const { return path_; }

 private:
  Hdf5File(std::filesystem::path path, std::int64_t id);
  void write_elements(const std::string& path_in_file, FileType type, const void* values);
  void read_elements(const std::string& path_in_file, const DataSetLayout& layout, FileType type,
                     void* values) const;
  std::string where(const std::string& path_in_file) const;

  std::filesystem::path path_;
  std::int64_t id_;  // HDF5's handle; negative once closed
};

}  // namespace bam
