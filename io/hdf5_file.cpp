#include "io/hdf5_file.h"

#include <utility>

#include "io/hdf5_handle.h"
#include "io/text_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

using Handle = Hdf5Handle;

static_assert(sizeof(hid_t) == sizeof(std::int64_t));

constexpr std::size_t kLargestText = std::size_t{1} << 16;
constexpr hsize_t kAlignment = 4096;  // of data sets of at least as many bytes

/// For writing, and for calls that only lack of memory fails: Error unless `id` is good.
Handle made(hid_t id, const std::string& what) {
  check(id >= 0, what, ": HDF5 cannot write it");
  return Handle(id);
}
void done(herr_t status, const std::string& what) {
  check(status >= 0, what, ": HDF5 cannot write it");
}

hid_t file_type(FileType type) {
  switch (type) {
    case FileType::kFloat32: return H5T_IEEE_F32LE;
    case FileType::kUint16: return H5T_STD_U16LE;
    case FileType::kUint32: return H5T_STD_U32LE;
    case FileType::kUint64: return H5T_STD_U64LE;
  }
  return H5I_INVALID_HID;
}

FileType known_type(hid_t dataset, const std::string& what) {
  const Handle stored = opened(H5Dget_type(dataset), what, "a data type");
  for (const FileType type :
       {FileType::kFloat32, FileType::kUint16, FileType::kUint32, FileType::kUint64}) {
    if (H5Tequal(stored.get(), file_type(type)) > 0) {
      return type;
    }
  }
  throw BadInput(what + ": expected little-endian fp32, uint16, uint32 or uint64 elements");
}

Shape known_shape(hid_t dataset, const std::string& what) {
  const Handle space = opened(H5Dget_space(dataset), what, "a shape");
  check_input(H5Sget_simple_extent_type(space.get()) == H5S_SIMPLE, what,
              ": expected an array, neither a scalar nor null");
  std::vector<hsize_t> extents(H5S_MAX_RANK);
  const int rank = H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr);
  check_input(rank > 0, what, ": expected an array");
  Shape shape;
  for (int i = 0; i < rank; ++i) {
    check_input(extents[static_cast<std::size_t>(i)] < (hsize_t{1} << 62), what,
                ": dimension ", i, " is too large");
    shape.push_back(static_cast<std::int64_t>(extents[static_cast<std::size_t>(i)]));
  }
  return shape;
}

/// Bytes of a data set, BadInput where they are more than `limit`.
std::int64_t bounded_bytes(const DataSetLayout& layout, std::int64_t limit,
                           const std::string& what) {
  auto bytes = static_cast<std::int64_t>(bytes_of(layout.type));
  for (const std::int64_t extent : layout.shape) {
    if (extent == 0) {
      return 0;
    }
  }
  for (const std::int64_t extent : layout.shape) {
    check_input(extent <= limit / bytes, what, ": its shape ", text_of(layout.shape),
                " is larger than the file of ", limit, " bytes (truncated?)");
    bytes *= extent;
  }
  return bytes;
}

void check_storage(hid_t dataset, const std::string& what) {
  const Handle plist = opened(H5Dget_create_plist(dataset), what, "creation properties");
  check_input(H5Pget_layout(plist.get()) == H5D_CONTIGUOUS, what,
              ": expected contiguous storage, not chunked, compact or virtual");
  check_input(H5Pget_external_count(plist.get()) == 0, what,
              ": external storage is not read");
}

/// BadInput unless every link on the way to `path` is a hard one: no other file is ever opened.
void check_hard_links(hid_t file, const std::string& path, const std::string& what) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    H5L_info_t info{};
    check_input(H5Lget_info(file, part.c_str(), &info, H5P_DEFAULT) >= 0, what,
                ": not in the file");
    check_input(info.type == H5L_TYPE_HARD, what, ": soft and external links are not followed");
    if (end == std::string::npos) {
      return;
    }
  }
}

Handle open_dataset(hid_t file, const std::string& path, const std::string& what) {
  check_input(path.size() > 1 && path[0] == '/', what, ": expected a path from the root");
  check_hard_links(file, path, what);
  return opened(H5Dopen2(file, path.c_str(), H5P_DEFAULT), what, "a data set");
}

Handle open_object(hid_t file, const std::string& path, const std::string& what) {
  if (path != "/") {
    check_hard_links(file, path, what);
  }
  return opened(H5Oopen(file, path.c_str(), H5P_DEFAULT), what, "a group or data set");
}

Handle open_attribute(hid_t file, const std::string& object, const std::string& name,
                      const std::string& what) {
  const Handle owner = open_object(file, object, what);
  return opened(H5Aopen(owner.get(), name.c_str(), H5P_DEFAULT), what, "an attribute");
}

void write_attribute_as(hid_t file, const std::string& object, const std::string& name,
                        hid_t type, const void* value, const std::string& what) {
  const Handle owner = made(H5Oopen(file, object.c_str(), H5P_DEFAULT), what);
  const Handle space = made(H5Screate(H5S_SCALAR), what);
  const Handle attribute = made(
      H5Acreate2(owner.get(), name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT), what);
  done(H5Awrite(attribute.get(), type, value), what);
}

void check_scalar(hid_t attribute, const std::string& what) {
  const Handle space = opened(H5Aget_space(attribute), what, "a shape");
  check_input(H5Sget_simple_extent_npoints(space.get()) == 1, what, ": expected one value");
}

Handle text_type(std::size_t size, const std::string& what) {
  Handle type = made(H5Tcopy(H5T_C_S1), what);
  done(H5Tset_size(type.get(), size), what);
  done(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), what);
  done(H5Tset_cset(type.get(), H5T_CSET_UTF8), what);
  return type;
}

/// HDF5 would print its own trace of every failure; the exceptions say it instead.
void silence() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

}  // namespace

std::string_view name_of(FileType type) {
  switch (type) {
    case FileType::kFloat32: return "fp32";
    case FileType::kUint16: return "uint16";
    case FileType::kUint32: return "uint32";
    case FileType::kUint64: return "uint64";
  }
  return "?";
}

std::size_t bytes_of(FileType type) {
  switch (type) {
    case FileType::kUint16: return 2;
    case FileType::kUint64: return 8;
    default: return 4;
  }
}

Hdf5File::Hdf5File(std::filesystem::path path, std::int64_t id)
    : path_(std::move(path)), id_(id) {}

Hdf5File::Hdf5File(Hdf5File&& other) noexcept
    : path_(std::move(other.path_)), id_(std::exchange(other.id_, H5I_INVALID_HID)) {}

Hdf5File::~Hdf5File() {
  if (id_ >= 0) {
    H5Fclose(id_);
  }
}

Hdf5File Hdf5File::create(const std::filesystem::path& path) {
  silence();
  const Handle access = made(H5Pcreate(H5P_FILE_ACCESS), path.string());
  done(H5Pset_alignment(access.get(), kAlignment, kAlignment), path.string());
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get());
  check(file >= 0, path.string(), ": cannot be created as an HDF5 file");
  return {path, file};
}

Hdf5File Hdf5File::open_read_only(const std::filesystem::path& path) {
  silence();
  check_input(is_file(path), path.string(), ": there is no such file");
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  check_input(file >= 0, path.string(), ": not an HDF5 file, or truncated");
  return {path, file};
}

void Hdf5File::close() {
  const hid_t file = std::exchange(id_, H5I_INVALID_HID);
  check(H5Fclose(file) >= 0, path_.string(), ": cannot be closed (disk full?)");
}

std::string Hdf5File::where(const std::string& path_in_file) const {
  return path_.string() + ": " + path_in_file;
}

DataSetLayout Hdf5File::create_contiguous(const std::string& path_in_file, FileType type,
                                          const Shape& shape) {
  const std::string what = where(path_in_file);
  const std::vector<hsize_t> extents(shape.begin(), shape.end());
  const Handle space =
      made(H5Screate_simple(static_cast<int>(shape.size()), extents.data(), nullptr), what);
  const Handle links = made(H5Pcreate(H5P_LINK_CREATE), what);
  done(H5Pset_create_intermediate_group(links.get(), 1), what);
  const Handle plist = made(H5Pcreate(H5P_DATASET_CREATE), what);
  done(H5Pset_layout(plist.get(), H5D_CONTIGUOUS), what);
  done(H5Pset_alloc_time(plist.get(), H5D_ALLOC_TIME_EARLY), what);
  done(H5Pset_fill_time(plist.get(), H5D_FILL_TIME_NEVER), what);
  done(H5Pset_obj_track_times(plist.get(), false), what);
  const Handle dataset = made(H5Dcreate2(id_, path_in_file.c_str(), file_type(type), space.get(),
                                         links.get(), plist.get(), H5P_DEFAULT),
                              what);
  DataSetLayout layout{type, shape, 0};
  if (layout.elements() > 0) {
    const haddr_t offset = H5Dget_offset(dataset.get());
    check(offset != HADDR_UNDEF, what, ": HDF5 allocated no bytes for it");
    layout.offset = static_cast<std::int64_t>(offset);
  }
  return layout;
}

DataSetLayout Hdf5File::describe(const std::string& path_in_file) const {
  const std::string what = where(path_in_file);
  const Handle dataset = open_dataset(id_, path_in_file, what);
  check_storage(dataset.get(), what);
  DataSetLayout layout{known_type(dataset.get(), what), known_shape(dataset.get(), what), 0};
  const auto file_bytes = static_cast<std::int64_t>(std::filesystem::file_size(path_));
  const std::int64_t bytes = bounded_bytes(layout, file_bytes, what);
  if (bytes == 0) {
    return layout;
  }
  const haddr_t offset = H5Dget_offset(dataset.get());
  check_input(offset != HADDR_UNDEF, what, ": has no bytes in the file");
  check_input(offset <= static_cast<haddr_t>(file_bytes - bytes), what, ": ", bytes,
              " bytes at offset ", offset, " end past the file's ", file_bytes, " bytes");
  layout.offset = static_cast<std::int64_t>(offset);
  return layout;
}

bool Hdf5File::contains(const std::string& path_in_file) const {
  for (std::size_t end = path_in_file.find('/', 1);; end = path_in_file.find('/', end + 1)) {
    if (H5Lexists(id_, path_in_file.substr(0, end).c_str(), H5P_DEFAULT) <= 0) {
      return false;
    }
    if (end == std::string::npos) {
      return true;
    }
  }
}

void Hdf5File::write_elements(const std::string& path_in_file, FileType type,
                              const void* values) {
  const std::string what = where(path_in_file);
  const Handle dataset = made(H5Dopen2(id_, path_in_file.c_str(), H5P_DEFAULT), what);
  done(H5Dwrite(dataset.get(), file_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values), what);
}

void Hdf5File::read_elements(const std::string& path_in_file, const DataSetLayout& layout,
                             FileType type, void* values) const {
  const std::string what = where(path_in_file);
  check_input(layout.type == type, what, ": expected ", name_of(type), " elements, found ",
              name_of(layout.type));
  const Handle dataset = open_dataset(id_, path_in_file, what);
  check_input(H5Dread(dataset.get(), file_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0,
              what, ": cannot be read");
}

void Hdf5File::write_attribute(const std::string& object, const std::string& name,
                               std::int64_t value) {
  write_attribute_as(id_, object, name, H5T_STD_I64LE, &value, where(object) + " @" + name);
}

void Hdf5File::write_attribute(const std::string& object, const std::string& name,
                               std::string_view value) {
  const std::string what = where(object) + " @" + name;
  check(value.size() < kLargestText / 2, what, ": ", value.size(), " bytes are too long");
  const std::string text(value.empty() ? std::string_view("\0", 1) : value);
  const Handle type = text_type(text.size(), what);
  write_attribute_as(id_, object, name, type.get(), text.data(), what);
}

std::int64_t Hdf5File::read_integer(const std::string& object, const std::string& name) const {
  const std::string what = where(object) + " @" + name;
  const Handle attribute = open_attribute(id_, object, name, what);
  check_scalar(attribute.get(), what);
  const Handle type = opened(H5Aget_type(attribute.get()), what, "a data type");
  check_input(H5Tequal(type.get(), H5T_STD_I64LE) > 0, what, ": expected a 64-bit integer");
  std::int64_t value = 0;
  check_input(H5Aread(attribute.get(), H5T_STD_I64LE, &value) >= 0, what, ": cannot be read");
  return value;
}

std::string Hdf5File::read_string(const std::string& object, const std::string& name) const {
  const std::string what = where(object) + " @" + name;
  const Handle attribute = open_attribute(id_, object, name, what);
  check_scalar(attribute.get(), what);
  const Handle type = opened(H5Aget_type(attribute.get()), what, "a data type");
  check_input(H5Tget_class(type.get()) == H5T_STRING && H5Tis_variable_str(type.get()) == 0, what,
              ": expected a string of fixed length");
  const std::size_t size = H5Tget_size(type.get());
  check_input(size > 0 && size <= kLargestText, what, ": a string of ", size, " bytes");
  std::string text(size, '\0');
  check_input(H5Aread(attribute.get(), type.get(), text.data()) >= 0, what, ": cannot be read");
  text.resize(text.find_last_not_of('\0') + 1);
  return text;
}

}  // namespace bam
