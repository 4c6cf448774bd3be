#include "tests/launch/refusal.h"

#include <gtest/gtest.h>

namespace bam {

void expect_refusal(const ChildCommand& command, const Words& parts,
                    const std::filesystem::path& untouched) {
  const bool was_there = std::filesystem::exists(untouched);
  const auto before = listing(untouched);
  const Outcome outcome = expect_code(2, command);
  EXPECT_NE(outcome.err.find("bam: "), std::string::npos) << outcome.err;
  for (const std::string& part : parts) {
    EXPECT_NE(outcome.err.find(part), std::string::npos)
        << command.text() << "\n\"" << part << "\" is not in: " << outcome.err;
  }
  EXPECT_EQ(std::filesystem::exists(untouched), was_there) << untouched;
  EXPECT_TRUE(listing(untouched) == before) << untouched << " has changed";
}

}  // namespace bam
