// HDF5 files that others made: what is no plain array of ours is refused by name, before an element
// is read. Sealed, so that token data of that kind get as far as HDF5.
#include <gtest/gtest.h>
#include <hdf5.h>

#include <functional>

#include "io/file_seal.h"
#include "io/hdf5_file.h"
#include "io/text_file.h"
#include "io/token_data.h"
#include "runtime/check.h"
#include "tests/io/made_token_data.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

std::string refusal_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const BadInput& error) {
    return error.what();
  }
  return "nothing was refused";
}

/// A data set of the HDF5 library's own making.
struct Strange {
  hid_t type = H5T_IEEE_F32LE;
  std::vector<hsize_t> extents = {4};
  std::function<void(hid_t)> properties = [](hid_t) {};
};

void add(hid_t file, const char* name, const Strange& strange) {
  const auto rank = static_cast<int>(strange.extents.size());
  const hid_t space = H5Screate_simple(rank, strange.extents.data(), nullptr);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  strange.properties(properties);
  H5Dclose(H5Dcreate2(file, name, strange.type, space, H5P_DEFAULT, properties, H5P_DEFAULT));
  H5Pclose(properties);
  H5Sclose(space);
}

class StrangeHdf5 : public testing::Test {
 protected:
  /// Makes a file whose object /x is as `fill` has it; why reading it is refused.
  std::string refusal(const std::function<void(hid_t)>& fill) const {
    const fs::path path = folder_ / "strange.h5";
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    fill(file);
    H5Fclose(file);
    return refusal_of([&] { Hdf5File::open_read_only(path).read<float>("/x"); });
  }
  std::string refusal(const Strange& strange) const {
    return refusal([&](hid_t file) { add(file, "x", strange); });
  }
  static void expect_part(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find("strange.h5: /x: "), std::string::npos) << text;
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }

  const TemporaryFolder folder_;
};

TEST_F(StrangeHdf5, OtherTypesWhereFloatsAreExpected) {
  for (const hid_t type :
       {H5T_IEEE_F64LE, H5T_IEEE_F32BE, H5T_STD_I32LE, H5T_STD_U8LE, H5T_C_S1, H5T_STD_REF_OBJ}) {
    expect_part(refusal({.type = type}), "expected little-endian fp32");
  }
  const auto early = [](hid_t plist) { H5Pset_alloc_time(plist, H5D_ALLOC_TIME_EARLY); };
  expect_part(refusal({.type = H5T_STD_U32LE, .properties = early}),
              "expected fp32 elements, found uint32");
}

TEST_F(StrangeHdf5, OtherStorage) {
  const auto chunked = [](hid_t properties) {
    const hsize_t chunk = 2;
    H5Pset_chunk(properties, 1, &chunk);
  };
  expect_part(refusal({.properties = chunked}), "expected contiguous storage");
  const auto compact = [](hid_t properties) { H5Pset_layout(properties, H5D_COMPACT); };
  expect_part(refusal({.properties = compact}), "expected contiguous storage");
  const auto outside = [](hid_t properties) { H5Pset_external(properties, "/etc/passwd", 0, 16); };
  expect_part(refusal({.properties = outside}), "external storage is not read");
}

TEST_F(StrangeHdf5, ShapesThatNoFileHolds) {
  expect_part(refusal({.extents = {hsize_t{1} << 61}}), "is larger than the file");
  expect_part(refusal({.extents = {hsize_t{1} << 40, hsize_t{1} << 40, 4}}),
              "is larger than the file");
  expect_part(refusal({.extents = {4}}), "has no bytes in the file");  // never written
  expect_part(refusal([](hid_t file) {
                const hid_t scalar = H5Screate(H5S_SCALAR);
                H5Dclose(H5Dcreate2(file, "x", H5T_IEEE_F32LE, scalar, H5P_DEFAULT, H5P_DEFAULT,
                                    H5P_DEFAULT));
                H5Sclose(scalar);
              }),
              "neither a scalar nor null");
}

TEST_F(StrangeHdf5, LinksAreNotFollowed) {
  expect_part(refusal([](hid_t file) {
                add(file, "y", {});
                H5Lcreate_soft("/y", file, "x", H5P_DEFAULT, H5P_DEFAULT);
              }),
              "soft and external links are not followed");
  expect_part(refusal([](hid_t file) {
                H5Lcreate_external("/etc/passwd", "/x", file, "x", H5P_DEFAULT, H5P_DEFAULT);
              }),
              "soft and external links are not followed");
  expect_part(refusal([](hid_t file) {  // a cycle: the group holds itself
                H5Lcreate_hard(file, "/", file, "x", H5P_DEFAULT, H5P_DEFAULT);
              }),
              "expected a data set");
  expect_part(refusal([](hid_t) {}), "not in the file");
}

TEST_F(StrangeHdf5, AFileThatItsWriterHasNotClosedIsRefused) {
  const fs::path path = folder_ / "strange.h5";
  const fs::path copy = folder_ / "copy.h5";
  Hdf5File file = Hdf5File::create(path);
  file.write<float>("/x", std::vector<float>{1, 2, 3});
  fs::copy_file(path, copy);  // what a killed writer leaves
  EXPECT_NE(refusal_of([&] { Hdf5File::open_read_only(copy).read<float>("/x"); }),
            "nothing was refused");
  file.close();
  EXPECT_EQ(Hdf5File::open_read_only(path).read<float>("/x").size(), 3U);
}

/// Token data of which one object is replaced, and which are sealed again.
std::string refusal_of_tokens(const fs::path& path, const char* name,
                              const std::function<void(hid_t)>& replace) {
  made_token_data(path, {{5, 6}, {7}}, {{8}});
  fs::resize_file(path, fs::file_size(path) - 64);  // the seal
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  H5Ldelete(file, name, H5P_DEFAULT);
  replace(file);
  H5Fclose(file);
  seal_file(path, {});
  return refusal_of([&] { TokenData::open(path).verify(); });
}

TEST_F(StrangeHdf5, SealedTokenDataOfThatKindAreRefused) {
  const fs::path path = folder_ / "tokens.h5";
  const auto refused = [&](const std::string& part, const std::function<void(hid_t)>& replace) {
    const std::string text = refusal_of_tokens(path, "/train/tokens", replace);
    EXPECT_NE(text.find("tokens.h5: /train/tokens: "), std::string::npos) << text;
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  refused("not in the file", [](hid_t) {});
  refused("soft and external links", [](hid_t file) {
    H5Lcreate_external("/etc/passwd", "/x", file, "/train/tokens", H5P_DEFAULT, H5P_DEFAULT);
  });
  refused("is larger than the file", [](hid_t file) {
    add(file, "/train/tokens", {.type = H5T_STD_U16LE, .extents = {hsize_t{1} << 50}});
  });
  refused("expected one dimension of uint16", [](hid_t file) {
    const auto early = [](hid_t plist) { H5Pset_alloc_time(plist, H5D_ALLOC_TIME_EARLY); };
    add(file, "/train/tokens", {.extents = {7}, .properties = early});
  });
}

}  // namespace
}  // namespace bam
