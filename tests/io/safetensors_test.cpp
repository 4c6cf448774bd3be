#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "io/safetensors_file.h"
#include "io/strict_json.h"
#include "runtime/check.h"
#include "tests/io/made_safetensors.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

std::string refusal_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const BadInput& error) {
    return error.what();
  }
  return "";
}

/// Two tensors: "a" of six fp32, "b" of four bf16.
MadeSafetensors two_tensors() {
  MadeSafetensors file;
  file.add("a", "F32", {2, 3}, bytes_of_values<float>({1, 2, 3, 4, 5, -6.5F}));
  file.add("b", "BF16", {4}, bytes_of_values<std::uint16_t>({0x3f80, 0xc000, 0, 0x7f80}));
  return file;
}

TEST(Safetensors, File_GivesTensorsAndWidenedValues) {
  const TemporaryFolder folder;
  MadeSafetensors made = two_tensors();
  made.header["__metadata__"] = {{"format", "pt"}};
  made.write(folder / "x.safetensors");
  const SafetensorsFile file(folder / "x.safetensors");
  ASSERT_EQ(file.tensors().size(), 2U);
  EXPECT_EQ(file.tensors()[0].name, "a");
  EXPECT_EQ(file.tensors()[0].shape, (Shape{2, 3}));
  std::vector<float> values(2);
  file.read(file.tensors()[0], 4, values);
  EXPECT_EQ(values, (std::vector<float>{5, -6.5F}));
  values.resize(4);
  file.read(file.tensors()[1], 0, values);
  EXPECT_EQ(values, (std::vector<float>{1, -2, 0, std::numeric_limits<float>::infinity()}));
  EXPECT_THROW(file.read(file.tensors()[1], 1, values), Error);
}

TEST(Safetensors, File_OfNoTensorsIsSound) {
  const TemporaryFolder folder;
  MadeSafetensors().write(folder / "x.safetensors");
  EXPECT_TRUE(SafetensorsFile(folder / "x.safetensors").tensors().empty());
}

struct BadHeader {
  const char* text;      // data: 32 bytes
  const char* expected;  // part of the message
};

TEST(SafetensorsHeader, WhatIsNotSound_IsRefusedByTensorAndValue) {
  const std::vector<BadHeader> bad = {
      {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]},"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}})",
       "\"a\": is given twice"},
      {R"({"a":{"dtype":"F32","dtype":"F32","shape":[8],"data_offsets":[0,32]}})",
       "\"dtype\": is given twice"},
      {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[-4,28]}})", "data_offsets: -4 where"},
      {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[32,0]}})", "data_offsets: [32, 0]"},
      {R"({"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}})", "[0, 36] in 32 bytes"},
      {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[0,18446744073709551615]}})",
       "18446744073709551615"},
      {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[0,1e1]}})", "data_offsets: 10.0 where"},
      {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[0]}})", "1 numbers where 2"},
      {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":"0,32"}})", "where a list was expected"},
      {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[5],"data_offsets":[12,32]}})",
       "tensor \"b\": data_offsets: begins at byte 12 where the one before ends at 16 (they "
       "overlap)"},
      {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[3],"data_offsets":[20,32]}})",
       "tensor \"b\": data_offsets: begins at byte 20 where the one before ends at 16 (a gap)"},
      {R"({"a":{"dtype":"F32","shape":[7],"data_offsets":[4,32]}})", "begins at byte 4"},
      {R"({"a":{"dtype":"F32","shape":[7],"data_offsets":[0,28]}})", "4 bytes after the last"},
      {R"({"a":{"dtype":"F32","shape":[7],"data_offsets":[0,32]}})",
       "32 bytes where F32 of shape (7) takes 28"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,32]}})",
       "32 bytes where"},
      {R"({"a":{"dtype":"F32","shape":[-8],"data_offsets":[0,32]}})", "shape: -8 where"},
      {R"({"a":{"dtype":"F32","shape":8,"data_offsets":[0,32]}})", "shape: 8 where a list"},
      {R"({"a":{"dtype":"F64","shape":[4],"data_offsets":[0,32]}})", "dtype: \"F64\" is none of"},
      {R"({"a":{"dtype":7,"shape":[4],"data_offsets":[0,32]}})", "dtype: 7 is none of"},
      {R"({"a":{"shape":[8],"data_offsets":[0,32]}})", "dtype: is missing"},
      {R"({"a":{"dtype":"F32","data_offsets":[0,32]}})", "shape: is missing"},
      {R"({"a":{"dtype":"F32","shape":[8]}})", "data_offsets: is missing"},
      {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32],"more":1}})",
       "\"more\": is no field"},
      {R"({"a":[1]})", "\"a\": is a JSON array"},
      {R"({"__metadata__":{"x":1}})", "__metadata__"},
      {R"({"a":{"dtype":"F32","shape":[[[[[[[[[[[[[[[[[[8]]]]]]]]]]]]]]]]]],"data_offsets":[0,32]}})",
       "deep"},
      {R"({})", "32 bytes after the last"},
      {R"([])", "does not begin with {"},
      {R"( {})", "does not begin with {"},
      {"{\"\xff\":1}", "byte 2 of its JSON is not UTF-8"},
      {R"({"a":)", "is not JSON"},
      {R"({"a":1} x)", "is not JSON"},
      {R"({"a":NaN})", "is not JSON"},
      {R"({"a":1e999})", "is not JSON"},
      {R"()", "does not begin with {"}};
  for (const BadHeader& header : bad) {
    const std::string refusal =
        refusal_of([&] { parse_safetensors_header(header.text, 32, "x.safetensors"); });
    EXPECT_NE(refusal.find(header.expected), std::string::npos) << header.text << "\n" << refusal;
    EXPECT_EQ(refusal.rfind("x.safetensors", 0), 0U) << refusal;
  }
}

TEST(SafetensorsHeader, EmptyTensorsTakeNoBytes) {
  const auto tensors = parse_safetensors_header(
      R"({"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
      R"("a":{"dtype":"F16","shape":[4294967296,4294967296,0],"data_offsets":[4,4]},)"
      R"("s":{"dtype":"F32","shape":[],"data_offsets":[4,8]}})",
      8, "x");
  ASSERT_EQ(tensors.size(), 3U);
  EXPECT_EQ(tensors[1].name, "a");
  EXPECT_EQ(elements_of(tensors[2].shape), 1);
}

TEST(Safetensors, HeaderLengthsThatCannotBe_AreRefused) {
  const TemporaryFolder folder;
  const std::string whole = two_tensors().bytes();
  for (const std::uint64_t length :
       {std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::uint64_t>::max() - 7,
        std::uint64_t{1} << 63, std::uint64_t{100'000'001}, std::uint64_t{whole.size() - 7}}) {
    write_file(folder / "x", MadeSafetensors::with_length(length, whole.substr(8)));
    const std::string refusal = refusal_of([&] { SafetensorsFile{folder / "x"}; });
    EXPECT_NE(refusal.find("header length: " + std::to_string(length)), std::string::npos)
        << refusal;
  }
  for (const std::size_t size : {0U, 1U, 7U}) {
    write_file(folder / "x", whole.substr(0, size));
    EXPECT_NE(refusal_of([&] { SafetensorsFile{folder / "x"}; }), "") << size;
  }
  EXPECT_THROW(SafetensorsFile{folder / "absent"}, BadInput);
}

TEST(Safetensors, ADamagedFileIsRefusedOrSound_NeverACrash) {
  const TemporaryFolder folder;
  const std::string whole = two_tensors().bytes();
  std::mt19937 random(7);
  int refused = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    std::string damaged = whole;
    for (int flips = 1 + static_cast<int>(random() % 3); flips > 0; --flips) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    damaged.resize(trial % 5 == 0 ? random() % (whole.size() + 1) : damaged.size());
    write_file(folder / "x", damaged);
    try {
      const SafetensorsFile file(folder / "x");
      for (const SafetensorsEntry& tensor : file.tensors()) {
        std::vector<float> values(static_cast<std::size_t>(elements_of(tensor.shape)));
        file.read(tensor, 0, values);
      }
    } catch (const BadInput&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1500);
}

TEST(SafetensorsHeader, WrittenHeader_IsReadBack) {
  const std::vector<SafetensorsEntry> tensors = {
      {"z \"quoted\" é", SafetensorsType::kFloat32, {2, 2}, 0, 16},
      {"a", SafetensorsType::kBFloat16, {3}, 16, 22}};
  const std::string bytes = safetensors_header(tensors);
  EXPECT_EQ(bytes.size() % 8, 0U);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  ASSERT_EQ(length, bytes.size() - 8);
  const auto read = parse_safetensors_header(bytes.substr(8), 22, "written");
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].name, tensors[0].name);
  EXPECT_EQ(read[0].shape, tensors[0].shape);
  EXPECT_EQ(read[1].type, SafetensorsType::kBFloat16);
  EXPECT_EQ(read[1].end, 22);
}

float widened(SafetensorsType type, std::uint16_t bits) {
  float value = 0;
  widen(type, std::as_bytes(std::span(&bits, 1)), std::span(&value, 1));
  return value;
}

TEST(SafetensorsValues, EveryHalfIsWidenedExactly) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = widened(SafetensorsType::kFloat16, static_cast<std::uint16_t>(bits));
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const double fraction = bits & 1023;
    EXPECT_EQ(std::signbit(value), bits >> 15 == 1) << bits;
    if (exponent == 31) {
      EXPECT_TRUE(fraction == 0 ? std::isinf(value) : std::isnan(value)) << bits;
    } else {
      const double expected =
          exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
      ASSERT_EQ(std::abs(static_cast<double>(value)), expected) << bits;
    }
  }
}

TEST(SafetensorsValues, EveryBFloat16ComesBackBitForBit) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = widened(SafetensorsType::kBFloat16, static_cast<std::uint16_t>(bits));
    ASSERT_EQ(std::bit_cast<std::uint32_t>(value), bits << 16);
    if (!std::isnan(value)) {
      std::uint16_t back = 0;
      narrow(SafetensorsType::kBFloat16, std::span(&value, 1),
             std::as_writable_bytes(std::span(&back, 1)));
      ASSERT_EQ(back, bits);
    }
  }
}

/// A folder of two shards and their index.
class ShardedFolder {
 public:
  ShardedFolder() {
    MadeSafetensors first;
    first.add("a", "F32", {1}, bytes_of_values<float>({1}));
    first.write(folder / "1.safetensors");
    MadeSafetensors second;
    second.add("b", "F16", {1}, bytes_of_values<std::uint16_t>({0x4000}));
    second.write(folder / "2.safetensors");
    write_index({{"a", "1.safetensors"}, {"b", "2.safetensors"}});
  }
  void write_index(const nlohmann::json& map) const {
    write_file(folder / kSafetensorsIndex, nlohmann::json{{"weight_map", map}}.dump());
  }
  std::string refusal() const {
    return refusal_of([this] { SafetensorsModel{folder.path()}; });
  }
  TemporaryFolder folder;
};

TEST(SafetensorsModel, ShardsAreOneModel) {
  const ShardedFolder made;
  const SafetensorsModel model(made.folder.path());
  EXPECT_EQ(model.names(), (std::vector<std::string>{"a", "b"}));
  float value = 0;
  model.read("b", 0, std::span(&value, 1));
  EXPECT_EQ(value, 2.0F);
  EXPECT_THROW(model.shape("c"), BadInput);
}

TEST(SafetensorsModel, IndexAndShardsThatDisagree_AreRefused) {
  const ShardedFolder made;
  made.write_index({{"a", "1.safetensors"}, {"b", "1.safetensors"}});
  EXPECT_NE(made.refusal().find("1.safetensors: has no tensor \"b\""), std::string::npos);
  made.write_index({{"a", "1.safetensors"}, {"b", "2.safetensors"}, {"c", "2.safetensors"}});
  EXPECT_NE(made.refusal().find("has no tensor \"c\""), std::string::npos);
  made.write_index({{"a", "1.safetensors"}, {"b", "3.safetensors"}});
  EXPECT_NE(made.refusal().find("3.safetensors"), std::string::npos);
  for (const char* name : {"../1.safetensors", "/etc/passwd", "", ".", "..", "sub/1.safetensors"}) {
    made.write_index({{"a", name}});
    EXPECT_NE(made.refusal().find("is not the name of a file beside it"), std::string::npos)
        << name;
  }
  MadeSafetensors more = two_tensors();
  more.write(made.folder / "1.safetensors");
  made.write_index({{"a", "1.safetensors"}});
  EXPECT_NE(made.refusal().find("tensor \"b\": is not in"), std::string::npos);
  made.write_index({{"a", "1.safetensors"}, {"b", "2.safetensors"}});
  EXPECT_NE(made.refusal().find("is in another file too"), std::string::npos);
  made.write_index(nlohmann::json::array());
  EXPECT_NE(made.refusal().find("weight_map"), std::string::npos);
  std::filesystem::remove(made.folder / kSafetensorsIndex);
  EXPECT_NE(made.refusal().find("has neither"), std::string::npos);
}

TEST(StrictJson, LimitsAndRepeatedKeys) {
  EXPECT_EQ(parse_strict_json(R"({"a":{"b":[1,2]},"b":{}})", "x")["a"]["b"][1], 2);
  const JsonLimits few{.depth = 3, .values = 5};
  EXPECT_NE(
      refusal_of([&] { parse_strict_json(R"({"a":[1,2,3,4]})", "x", few); }).find("more than 5"),
      std::string::npos);
  EXPECT_NE(refusal_of([&] { parse_strict_json(R"({"a":[[[]]]})", "x", few); }).find("3 deep"),
            std::string::npos);
  EXPECT_NE(refusal_of([] {
              parse_strict_json(R"({"a":{"b":1,"c":{},"b":2}})", "x");
            }).find("\"b\": is given twice"),
            std::string::npos);
  EXPECT_NE(refusal_of([] { parse_strict_json("[1]", "x"); }).find("where an object"),
            std::string::npos);
  EXPECT_LT(
      refusal_of([] { parse_strict_json("{\"" + std::string(100000, 'k') + "\" 1}", "x"); }).size(),
      500U);
}

TEST(StrictJson, QuotesWhatMayNotBePrinted) {
  EXPECT_EQ(escaped("a\x1b[2J\n\"é"), R"("a\u001b[2J\n\"\u00e9")");
  EXPECT_LT(escaped(std::string(100000, 'x')).size(), 300U);
  EXPECT_NE(escaped("\xff"), "");
}

}  // namespace
}  // namespace bam
