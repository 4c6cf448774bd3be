#include "io/hdf5_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "io/text_file.h"
#include "runtime/check.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

TEST(Hdf5File, Write_ReadsBackElementsAndAttributes) {
  const TemporaryFolder folder;
  Hdf5File out = Hdf5File::create(folder / "a.h5");
  const std::vector<std::uint16_t> values = {1, 2, 65535};
  out.write<std::uint16_t>("/deep/down/values", values);
  out.write<std::uint64_t>("/empty", {});
  out.write_attribute("/", "count", std::int64_t{-7});
  out.write_attribute("/deep", "name", std::string_view("épée"));
  out.write_attribute("/deep", "nothing", std::string_view(""));
  out.close();

  const Hdf5File in = Hdf5File::open_read_only(folder / "a.h5");
  EXPECT_EQ(in.read<std::uint16_t>("/deep/down/values"), values);
  EXPECT_TRUE(in.read<std::uint64_t>("/empty").empty());
  EXPECT_EQ(in.read_integer("/", "count"), -7);
  EXPECT_EQ(in.read_string("/deep", "name"), "épée");
  EXPECT_EQ(in.read_string("/deep", "nothing"), "");
  EXPECT_TRUE(in.contains("/deep/down/values"));
  EXPECT_FALSE(in.contains("/deep/up/values"));
  EXPECT_THROW(in.read<float>("/deep/down/values"), BadInput);
  EXPECT_THROW(in.describe("/nowhere"), BadInput);
  EXPECT_THROW(in.describe("/deep"), BadInput);
  EXPECT_THROW(in.read_integer("/deep", "name"), BadInput);
}

TEST(Hdf5File, CreateContiguous_LeavesBytesToBeWrittenAtItsOffset) {
  const TemporaryFolder folder;
  Hdf5File out = Hdf5File::create(folder / "a.h5");
  const DataSetLayout layout = out.create_contiguous("/w/x", FileType::kFloat32, {2, 2});
  out.close();
  const std::vector<float> values = {1, 2, 3, 4};
  const int file = ::open((folder / "a.h5").c_str(), O_WRONLY);
  ASSERT_EQ(::pwrite(file, values.data(), 16, layout.offset), 16);
  ::close(file);

  const Hdf5File in = Hdf5File::open_read_only(folder / "a.h5");
  EXPECT_EQ(in.describe("/w/x").offset, layout.offset);
  EXPECT_EQ(in.describe("/w/x").shape, (Shape{2, 2}));
  EXPECT_EQ(in.read<float>("/w/x"), values);
}

TEST(Hdf5File, Open_RefusesWhatIsNotHdf5) {
  const TemporaryFolder folder;
  write_file(folder / "text", "hello");
  EXPECT_THROW(Hdf5File::open_read_only(folder / "text"), BadInput);
  EXPECT_THROW(Hdf5File::open_read_only(folder / "absent"), BadInput);
  EXPECT_THROW(Hdf5File::create(folder / "absent" / "a.h5"), Error);
}

TEST(Hdf5File, SameCalls_MakeTheSameBytes) {
  const TemporaryFolder folder;
  for (const char* name : {"a.h5", "b.h5"}) {
    Hdf5File out = Hdf5File::create(folder / name);
    out.write<std::uint32_t>("/x", std::vector<std::uint32_t>{1, 2, 3});
    out.write_attribute("/x", "n", std::int64_t{3});
    out.close();
  }
  EXPECT_EQ(read_file(folder / "a.h5"), read_file(folder / "b.h5"));
}

}  // namespace
}  // namespace bam
