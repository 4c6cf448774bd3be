// Every target reads or refuses its seeds, the inputs that once crashed it, and seeds damaged at
// random; `launch/fuzz` looks much further.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <random>

#include "io/text_file.h"
#include "tests/fuzz/targets.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kDamageFor{2};

class Fuzz : public testing::TestWithParam<FuzzTarget> {};

std::vector<fs::path> regressions_of(const FuzzTarget& target) {
  const fs::path folder = fs::path(BAM_SOURCE_DIR) / "tests/fuzz/regressions" / target.name;
  std::vector<fs::path> files;
  if (fs::exists(folder)) {
    std::ranges::copy(fs::directory_iterator(folder), std::back_inserter(files));
  }
  std::ranges::sort(files);
  return files;
}

std::string damaged(std::string bytes, std::mt19937& random) {
  for (std::size_t changes = 1 + random() % 4; changes > 0 && !bytes.empty(); --changes) {
    const std::size_t at = random() % bytes.size();
    switch (random() % 4) {
      case 0:
        bytes.erase(at, 1 + random() % 8);
        break;
      case 1:
        bytes.insert(at, bytes.substr(random() % bytes.size(), 1 + random() % 16));
        break;
      case 2:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
        break;
      default:
        bytes[at] = static_cast<char>(random());
        break;
    }
  }
  return bytes;
}

TEST_P(Fuzz, SeedsAndFormerCrashesEndWell) {
  const FuzzTarget target = GetParam();
  int accepted = 0;
  for (const std::string& seed : target.seeds()) {
    accepted += feed(target, seed) == Reading::kAccepted ? 1 : 0;
  }
  EXPECT_GT(accepted, 0) << "no seed is sound";
  for (const fs::path& file : regressions_of(target)) {
    SCOPED_TRACE(file);
    EXPECT_NO_THROW(feed(target, read_file(file)));
  }
}

TEST_P(Fuzz, DamagedSeedsEndWell) {
  const FuzzTarget target = GetParam();
  const std::vector<std::string> seeds = target.seeds();
  std::mt19937 random(7);
  const auto end = std::chrono::steady_clock::now() + kDamageFor;
  for (int trial = 0; trial < 2000 && std::chrono::steady_clock::now() < end; ++trial) {
    const std::string bytes = damaged(seeds[random() % seeds.size()], random);
    ASSERT_NO_THROW(feed(target, bytes)) << target.name << ": trial " << trial;
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Fuzz, testing::ValuesIn(fuzz_targets()),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace

void PrintTo(const FuzzTarget& target, std::ostream* out) { *out << target.name; }

}  // namespace bam
