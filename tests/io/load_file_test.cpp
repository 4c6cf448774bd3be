#include "io/load_file.h"

#include <gtest/gtest.h>

#include "io/text_file.h"
#include "runtime/check.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

class LoadFiles : public ::testing::Test {
 protected:
  std::string written(const std::string& name, const std::string& text) const {
    write_file(folder_ / name, text);
    return folder_ / name;
  }

  /// Reading it is refused with a message that names the file and holds `part`.
  void expect_refused(const std::string& name, const std::string& text,
                      const std::string& part) const {
    const std::string path = written(name, text);
    try {
      read_loads(path);
      ADD_FAILURE() << text << ": was read";
    } catch (const BadInput& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find(path), std::string::npos) << message;
      EXPECT_NE(message.find(part), std::string::npos) << message;
    }
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(LoadFiles, CsvIsALineALayer) {
  const LoadFile loads = read_loads(written("a.csv", "# tokens\n1, 2,3.5\n4e2,0,6\r\n"));
  EXPECT_EQ(loads.ffn, (std::vector<LoadMatrix>{{{1, 2, 3.5}, {400, 0, 6}}}));
  EXPECT_TRUE(loads.attention.empty());
}

TEST_F(LoadFiles, EmptyLinesPartTheWindowsOfACsv) {
  const LoadFile loads = read_loads(written("a.csv", "\n1,2\n3,4\n\n\n5,6\n7,8"));
  EXPECT_EQ(loads.ffn, (std::vector<LoadMatrix>{{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}}));
}

TEST_F(LoadFiles, JsonIsOneWindowOrSeveral) {
  EXPECT_EQ(read_loads(written("a.json", "[[1, 2.5], [3, 4]]")).ffn,
            (std::vector<LoadMatrix>{{{1, 2.5}, {3, 4}}}));
  EXPECT_EQ(read_loads(written("b.json", "[[[1, 2]], [[3, 4]]]")).ffn,
            (std::vector<LoadMatrix>{{{1, 2}}, {{3, 4}}}));
}

TEST_F(LoadFiles, JsonMayTellOfAttentionExpertsToo) {
  const LoadFile loads =
      read_loads(written("a.json", R"({"attention": [[5, 6, 7]], "ffn": [[1, 2]]})"));
  EXPECT_EQ(loads.attention, (std::vector<LoadMatrix>{{{5, 6, 7}}}));
  EXPECT_EQ(loads.ffn, (std::vector<LoadMatrix>{{{1, 2}}}));
}

TEST_F(LoadFiles, RaggedOnesAreNamed) {
  expect_refused("a.csv", "1,2,3\n4,5\n", ":2: 2 experts where the first line has 3");
  expect_refused("a.csv", "1,2\n\n3,4\n5,6\n", "window 1 has 2 layers where window 0 has 1");
  expect_refused("a.json", "[[1, 2], [3]]", "window 0, layer 1 has 1 experts");
  expect_refused("a.json", "[[[1, 2]], [[3, 4], [5, 6]]]", "window 1 has 2 layers");
  expect_refused("a.json", R"({"ffn": [[1, 2]], "attention": [[1], [2]]})", "2 layers");
  expect_refused("a.json", R"({"ffn": [[1, 2]], "attention": [[[1]], [[2]]]})", "2 windows");
}

TEST_F(LoadFiles, NumbersThatAreNoneAreNamed) {
  expect_refused("a.csv", "1,2\n3,nan\n", ":2: field 2: nan");
  expect_refused("a.csv", "1,inf\n", ":1: field 2: inf");
  expect_refused("a.csv", "1,-2\n", ":1: field 2: -2");
  expect_refused("a.csv", "1,,2\n", ":1: field 2: \"\"");
  expect_refused("a.csv", "expert 0,expert 1\n", ":1: field 1: \"expert 0\"");
  expect_refused("a.csv", "1e999,2\n", ":1: field 1");
  expect_refused("a.json", "[[1, -2]]", "loads[0][1]: -2");
  expect_refused("a.json", "[[1, \"2\"]]", "loads[0][1]: a JSON string");
  expect_refused("a.json", "[[1, NaN]]", "is not JSON");
  expect_refused("a.json", R"({"ffn": [[1, 2], 3]})", "ffn[1]: a JSON number");
}

TEST_F(LoadFiles, ThoseWithoutLoadsAreNamed) {
  expect_refused("a.csv", "0,0\n0,0\n", "all loads are 0");
  expect_refused("a.json", "[[0]]", "all loads are 0");
  expect_refused("a.csv", "1e308,1e308\n1e308,1e308\n", "the sum of all loads overflows");
  expect_refused("a.csv", "", "no loads");
  expect_refused("a.json", "[]", "lists 1 deep");
  expect_refused("a.json", "[[]]", "no experts");
  expect_refused("a.json", "{}", "\"ffn\": missing");
  expect_refused("a.json", R"({"fnn": [[1]]})", "\"fnn\"");
  expect_refused("a.json", "[[[[1]]]]", "lists 4 deep");
  expect_refused("a.txt", "1", ".csv, .json, .jsonl");
}

TEST_F(LoadFiles, ThoseThatCannotBeReadAreNamed) {
  EXPECT_THROW(read_loads("/nowhere/loads.csv"), BadInput);
}

}  // namespace
}  // namespace bam
