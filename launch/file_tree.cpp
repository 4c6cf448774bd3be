#include "launch/file_tree.h"

#include <algorithm>
#include <iomanip>
#include <map>
#include <ostream>

#include "io/checkpoint_reader.h"
#include "io/hdf5_tree.h"
#include "launch/text_table.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const char* name_of(Hdf5Object::Kind kind) {
  switch (kind) {
    case Hdf5Object::Kind::kGroup:
      return "group";
    case Hdf5Object::Kind::kDataSet:
      return "data set";
    case Hdf5Object::Kind::kLink:
      return "link";
    case Hdf5Object::Kind::kOther:
      return "other";
  }
  return "?";
}

json json_of(const Hdf5Object& object) {
  json out = {{"path", object.path}, {"kind", name_of(object.kind)}};
  if (object.kind == Hdf5Object::Kind::kLink) {
    out["storage"] = object.storage;
  }
  if (object.kind == Hdf5Object::Kind::kDataSet) {
    out["type"] = object.type;
    out["storage"] = object.storage;
    out["shape"] = object.shape;
    out["bytes"] = object.bytes;
    out["offset"] = object.offset;
  }
  return out;
}

json tree_of_file(const fs::path& path, const std::vector<Hdf5Object>& objects) {
  json list = json::array();
  std::int64_t data_sets = 0;
  std::int64_t bytes = 0;
  for (const Hdf5Object& object : objects) {
    list.push_back(json_of(object));
    data_sets += object.kind == Hdf5Object::Kind::kDataSet ? 1 : 0;
    bytes += object.bytes;
  }
  return {{"file", path.string()},
          {"objects", std::move(list)},
          {"data_sets", data_sets},
          {"bytes", bytes}};
}

/// HDF5 says of each tensor what the manifest says.
void check_against(const CheckpointReader& checkpoint, const std::vector<Hdf5Object>& objects,
                   const fs::path& path) {
  std::map<std::string, const Hdf5Object*> by_path;
  for (const Hdf5Object& object : objects) {
    by_path.emplace(object.path, &object);
  }
  for (const proto::DataSet& wanted : checkpoint.data_sets()) {
    const auto found = by_path.find(wanted.path());
    check_input(found != by_path.end(), path.string(), ": ", wanted.path(), ": not in the file");
    const Hdf5Object& object = *found->second;
    const bool same = object.type == "fp32" && object.storage == "contiguous" &&
                      object.offset == wanted.offset() &&
                      std::ranges::equal(object.shape, wanted.shape());
    check_input(same, path.string(), ": ", wanted.path(), ": HDF5 has ", object.storage, " ",
                object.type, " of shape ", text_of(object.shape), " at ", object.offset,
                ", which the manifest does not say");
  }
}

}  // namespace

json tree_of(const fs::path& path) {
  if (!fs::is_directory(path)) {
    return tree_of_file(path, list_hdf5(path));
  }
  const CheckpointReader checkpoint(path);
  const fs::path data = checkpoint.path() / kDataFile;
  const std::vector<Hdf5Object> objects = list_hdf5(data);
  check_against(checkpoint, objects, data);
  return tree_of_file(data, objects);
}

void print_tree(const json& tree, std::ostream& out) {
  out << tree["file"].get<std::string>() << "\n";
  for (const json& object : tree["objects"]) {
    const std::string path = object["path"];
    const auto depth = static_cast<std::size_t>(std::ranges::count(path, '/'));
    const std::string name = std::string(2 * depth, ' ') + path.substr(path.rfind('/') + 1);
    out << std::left << std::setw(40) << name;
    if (object["kind"] == "data set") {
      out << std::setw(8) << object["type"].get<std::string>() << std::setw(24)
          << shape_text(object["shape"]) << std::right << std::setw(16)
          << grouped(object["bytes"].get<std::int64_t>()) << " bytes"
          << (object["storage"] == "contiguous" ? "" : ", " + object["storage"].get<std::string>());
    } else if (object["kind"] != "group") {
      out << (object["kind"] == "link"
                  ? object["storage"].get<std::string>() + " link, not followed"
                  : "neither group nor data set");
    }
    out << "\n";
  }
  out << grouped(tree["data_sets"]) << " data sets, " << grouped(tree["bytes"]) << " bytes\n";
}

}  // namespace bam
