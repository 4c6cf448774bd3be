#include "io/hdf5_tree.h"

#include "io/hdf5_handle.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostObjects = 1'000'000;

struct Found {
  std::string path;
  H5L_type_t link;
};

/// What HDF5 calls for each link; it is C and sees no exception.
herr_t note_link(hid_t /*group*/, const char* name, const H5L_info_t* info, void* list) noexcept {
  try {
    auto& found = *static_cast<std::vector<Found>*>(list);
    found.push_back({std::string("/") + name, info->type});
    return found.size() < kMostObjects ? 0 : -1;
  } catch (...) {
    return -1;
  }
}

std::string bits_of(const char* name, hid_t type) {
  return name + std::to_string(8 * H5Tget_size(type));
}

std::string type_name(hid_t type) {
  const bool is_big = H5Tget_size(type) > 1 && H5Tget_order(type) == H5T_ORDER_BE;
  const std::string order = is_big ? " big-endian" : "";
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      return bits_of("fp", type) + order;
    case H5T_INTEGER:
      return bits_of(H5Tget_sign(type) == H5T_SGN_NONE ? "uint" : "int", type) + order;
    case H5T_STRING:
      return "string";
    case H5T_COMPOUND:
      return "compound";
    case H5T_ENUM:
      return "enum";
    case H5T_ARRAY:
      return "array";
    case H5T_VLEN:
      return "variable length";
    case H5T_REFERENCE:
      return "reference";
    default:
      return "opaque";
  }
}

const char* storage_name(H5D_layout_t layout) {
  switch (layout) {
    case H5D_CONTIGUOUS:
      return "contiguous";
    case H5D_CHUNKED:
      return "chunked";
    case H5D_COMPACT:
      return "compact";
    case H5D_VIRTUAL:
      return "virtual";
    default:
      return "unknown";
  }
}

Shape shape_of(hid_t dataset, const std::string& what) {
  const Hdf5Handle space = opened(H5Dget_space(dataset), what, "a shape");
  std::vector<hsize_t> extents(H5S_MAX_RANK);
  const int rank = H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr);
  check_input(rank >= 0, what, ": expected a shape");
  return {extents.begin(), extents.begin() + rank};
}

void describe_data_set(hid_t dataset, const std::string& what, Hdf5Object& out) {
  const Hdf5Handle type = opened(H5Dget_type(dataset), what, "a data type");
  const Hdf5Handle plist = opened(H5Dget_create_plist(dataset), what, "creation properties");
  const haddr_t offset = H5Dget_offset(dataset);
  out.kind = Hdf5Object::Kind::kDataSet;
  out.type = type_name(type.get());
  out.storage = H5Pget_external_count(plist.get()) > 0 ? "external"
                                                       : storage_name(H5Pget_layout(plist.get()));
  out.shape = shape_of(dataset, what);
  out.bytes = static_cast<std::int64_t>(H5Dget_storage_size(dataset));
  out.offset = offset == HADDR_UNDEF ? 0 : static_cast<std::int64_t>(offset);
}

Hdf5Object describe(hid_t file, const Found& found, const fs::path& path) {
  Hdf5Object out{.path = found.path, .type = {}, .storage = {}, .shape = {}};
  if (found.link != H5L_TYPE_HARD) {
    out.kind = Hdf5Object::Kind::kLink;
    out.storage = found.link == H5L_TYPE_SOFT ? "soft" : "external";
    return out;
  }
  const std::string what = path.string() + ": " + found.path;
  const Hdf5Handle object =
      opened(H5Oopen(file, found.path.c_str(), H5P_DEFAULT), what, "an object");
  switch (H5Iget_type(object.get())) {
    case H5I_GROUP:
      out.kind = Hdf5Object::Kind::kGroup;
      break;
    case H5I_DATASET:
      describe_data_set(object.get(), what, out);
      break;
    default:
      break;
  }
  return out;
}

}  // namespace

std::vector<Hdf5Object> list_hdf5(const fs::path& path) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  check_input(fs::is_regular_file(path), path.string(), ": there is no such file");
  const hid_t id = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  check_input(id >= 0, path.string(), ": not an HDF5 file, or truncated");
  const Hdf5Handle file(id);
  std::vector<Found> found;
  const herr_t walked = H5Lvisit(file.get(), H5_INDEX_NAME, H5_ITER_INC, note_link, &found);
  check_input(walked >= 0, path.string(), ": cannot be walked: damaged, or more than ",
              kMostObjects, " objects");
  std::vector<Hdf5Object> objects;
  for (const Found& link : found) {
    objects.push_back(describe(file.get(), link, path));
  }
  return objects;
}

}  // namespace bam
