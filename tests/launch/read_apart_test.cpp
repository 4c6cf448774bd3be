#include "launch/read_apart.h"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <vector>

#include "runtime/check.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

using nlohmann::json;

std::string refusal_of(const ReadLimits& limits, const std::function<json()>& read) {
  try {
    read_apart("x.h5", limits, read);
  } catch (const BadInput& error) {
    return error.what();
  }
  return "";
}

TEST(ReadApart, GivesTheAnswer) {
  const json wanted = {{"text", "é"}, {"list", {1, 2.5, nullptr}}};
  EXPECT_EQ(read_apart("x", {}, [&] { return wanted; }), wanted);
  const json large = read_apart("x", {}, [] { return json(std::string(5'000'000, 'x')); });
  EXPECT_EQ(large.get<std::string>().size(), 5'000'000U);
  const json infinite =
      read_apart("x", {}, [] { return json(std::numeric_limits<double>::infinity()); });
  EXPECT_EQ(infinite.get<double>(), std::numeric_limits<double>::infinity());
}

TEST(ReadApart, ErrorsComeThroughAsWhatTheyAre) {
  EXPECT_EQ(refusal_of({}, []() -> json { throw BadInput("y: wrong"); }), "y: wrong");
  try {
    read_apart("x", {}, []() -> json { throw Error("no such luck"); });
    FAIL();
  } catch (const BadInput&) {
    FAIL() << "an Error became BadInput";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "no such luck");
  }
}

TEST(ReadApart, ACrashIsBadInput) {
  for (const int signal : {SIGSEGV, SIGABRT, SIGKILL}) {
    const std::string refusal = refusal_of({}, [signal]() -> json {
      std::signal(signal, SIG_DFL);
      std::raise(signal);
      return {};
    });
    EXPECT_NE(refusal.find("x.h5: malformed: reading it ended in signal " + std::to_string(signal)),
              std::string::npos)
        << refusal;
  }
  EXPECT_NE(refusal_of({}, []() -> json { std::_Exit(3); }).find("ended with code 3"),
            std::string::npos);
}

TEST(ReadApart, TooMuchTimeIsBadInput) {
  const std::string refusal = refusal_of({.cpu_seconds = 1}, []() -> json {
    const std::atomic<bool> forever = true;
    while (forever) {
    }
    return {};
  });
  EXPECT_EQ(refusal, "x.h5: malformed: reading it takes more than 1 s");
}

TEST(ReadApart, TooMuchMemoryIsBadInput) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "memory is not limited under the address sanitizer";
#else
  const std::string refusal = refusal_of({.memory_bytes = 64 << 20}, []() -> json {
    const std::vector<char> bytes(std::size_t{256} << 20, 'x');
    return bytes[5];
  });
  EXPECT_NE(refusal.find("x.h5: malformed: reading it takes more than 67108864 bytes"),
            std::string::npos)
      << refusal;
#endif
}

TEST(ReadApart, WritesNoFile) {
  const TemporaryFolder folder;
  const std::string refusal = refusal_of({}, [&]() -> json {
    std::ofstream(folder / "written") << "something" << std::flush;
    return {};
  });
  EXPECT_NE(refusal, "");
  EXPECT_TRUE(!std::filesystem::exists(folder / "written") ||
              std::filesystem::file_size(folder / "written") == 0);
}

}  // namespace
}  // namespace bam
