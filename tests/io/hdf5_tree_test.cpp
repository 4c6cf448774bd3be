#include "io/hdf5_tree.h"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <algorithm>

#include "io/hdf5_file.h"
#include "io/text_file.h"
#include "runtime/check.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

const Hdf5Object& at(const std::vector<Hdf5Object>& objects, const std::string& path) {
  const auto found = std::ranges::find(objects, path, &Hdf5Object::path);
  check(found != objects.end(), "no ", path);
  return *found;
}

TEST(Hdf5Tree, NamesEveryDataSetWithItsPlace) {
  const TemporaryFolder folder;
  Hdf5File out = Hdf5File::create(folder / "a.h5");
  const DataSetLayout layout = out.create_contiguous("/weights/x", FileType::kFloat32, {2, 3});
  out.write<std::uint16_t>("/weights/deep/ids", std::vector<std::uint16_t>{1, 2});
  out.write<std::uint64_t>("/none", {});
  out.close();
  const std::vector<Hdf5Object> objects = list_hdf5(folder / "a.h5");
  ASSERT_EQ(objects.size(), 5U);
  const Hdf5Object& x = at(objects, "/weights/x");
  EXPECT_EQ(x.kind, Hdf5Object::Kind::kDataSet);
  EXPECT_EQ(x.type, "fp32");
  EXPECT_EQ(x.storage, "contiguous");
  EXPECT_EQ(x.shape, (Shape{2, 3}));
  EXPECT_EQ(x.bytes, 24);
  EXPECT_EQ(x.offset, layout.offset);
  EXPECT_EQ(at(objects, "/weights/deep").kind, Hdf5Object::Kind::kGroup);
  EXPECT_EQ(at(objects, "/weights/deep/ids").type, "uint16");
  EXPECT_EQ(at(objects, "/none").bytes, 0);
  EXPECT_EQ(at(objects, "/none").type, "uint64");
}

/// A file of what no file of ours has: links of every kind, a cycle, other types, a huge extent.
void write_strange(const fs::path& path) {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t group = H5Gcreate2(file, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_hard(file, "/group", group, "itself", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/nowhere", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_external("/etc/passwd", "/x", file, "external", H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t huge[] = {hsize_t{1} << 40, hsize_t{1} << 20};
  const hsize_t chunk[] = {1, 16};
  const hid_t space = H5Screate_simple(2, huge, nullptr);
  const hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(plist, 2, chunk);
  H5Dclose(H5Dcreate2(file, "huge", H5T_IEEE_F64BE, space, H5P_DEFAULT, plist, H5P_DEFAULT));
  const hid_t scalar = H5Screate(H5S_SCALAR);
  const hid_t text = H5Tcopy(H5T_C_S1);
  H5Dclose(H5Dcreate2(file, "text", text, scalar, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Tcommit2(file, "type", text, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  for (const hid_t id : {text, scalar, plist, space, group}) {
    H5Idec_ref(id);
  }
  H5Fclose(file);
}

TEST(Hdf5Tree, ListsStrangeThingsWithoutFollowingThem) {
  const TemporaryFolder folder;
  write_strange(folder / "strange.h5");
  const std::vector<Hdf5Object> objects = list_hdf5(folder / "strange.h5");
  EXPECT_EQ(at(objects, "/group/itself").kind, Hdf5Object::Kind::kGroup);
  EXPECT_EQ(
      std::ranges::count_if(
          objects, [](const Hdf5Object& object) { return object.path.starts_with("/group/"); }),
      1);
  EXPECT_EQ(at(objects, "/soft").storage, "soft");
  EXPECT_EQ(at(objects, "/external").storage, "external");
  EXPECT_EQ(at(objects, "/external").kind, Hdf5Object::Kind::kLink);
  EXPECT_EQ(at(objects, "/huge").type, "fp64 big-endian");
  EXPECT_EQ(at(objects, "/huge").storage, "chunked");
  EXPECT_EQ(at(objects, "/huge").shape[0], std::int64_t{1} << 40);
  EXPECT_EQ(at(objects, "/huge").bytes, 0);
  EXPECT_EQ(at(objects, "/text").type, "string");
  EXPECT_TRUE(at(objects, "/text").shape.empty());
  EXPECT_EQ(at(objects, "/type").kind, Hdf5Object::Kind::kOther);
}

TEST(Hdf5Tree, WhatIsNotHdf5_IsRefused) {
  const TemporaryFolder folder;
  write_file(folder / "text", "hello");
  EXPECT_THROW(list_hdf5(folder / "text"), BadInput);
  EXPECT_THROW(list_hdf5(folder / "absent"), BadInput);
  EXPECT_THROW(list_hdf5(folder.path()), BadInput);
}

}  // namespace
}  // namespace bam
