#include "io/validation_data.h"

#include <gtest/gtest.h>

#include "runtime/check.h"
#include "runtime/cross_entropy.h"
#include "tests/io/made_token_data.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

const std::vector<Ids> kDocuments = {{10, 11, 12}, {}, {13}, {14, 15, 16, 17, 18}};

class ValidationDataTest : public testing::Test {
 protected:
  ValidationData made(std::int64_t length, std::int64_t tokens) {
    return {made_token_data(folder_ / "a.h5", {{5}}, kDocuments), length, tokens, 3, true};
  }

  TemporaryFolder folder_;
  Memory memory_;
  Stream stream_{memory_};
};

TEST_F(ValidationDataTest, EveryTokenButBos_IsScoredOnceInOrder) {
  Ids expected;
  for (const Ids& document : kDocuments) {
    expected.insert(expected.end(), document.begin(), document.end());
    expected.push_back(2);
  }
  for (const std::int64_t length : {1, 3, 4, 16, 17, 100}) {
    const ValidationData data = made(length, 1000);
    Ids scored;
    std::vector<std::int64_t> targets_of(4);
    for (std::int64_t window = 0; window < data.windows() + 2; ++window) {  // two hold nothing
      const ValidationBatch rows = data.batch(stream_, window, {0, 1, 0, {1}});
      const auto targets = rows.batch.targets.span<std::int32_t>();
      for (std::size_t i = 0; i < targets.size(); ++i) {
        EXPECT_EQ(targets[i] == kNotScored, rows.documents[i] == -1);
        if (targets[i] != kNotScored) {
          scored.push_back(targets[i]);
          ++targets_of[static_cast<std::size_t>(rows.documents[i])];
        }
      }
    }
    EXPECT_EQ(scored, expected) << length;
    EXPECT_EQ(data.scored_targets(), static_cast<std::int64_t>(expected.size()));
    EXPECT_EQ(targets_of, (std::vector<std::int64_t>{4, 1, 2, 6}));
  }
}

TEST_F(ValidationDataTest, Batch_HasDocumentStartsAndFilling) {
  const ValidationData data = made(5, 6);  // 1 10 11 12 2 | 1 2: two documents
  EXPECT_EQ(data.documents(), 2);
  EXPECT_EQ(data.tokens(), 7);
  EXPECT_EQ(data.bytes(), 30);
  EXPECT_EQ(data.windows(), 2);
  const ValidationBatch rows = data.batch(stream_, 0, {0, 2, 0, {2}});
  const auto tokens = rows.batch.tokens.span<std::int32_t>();
  EXPECT_EQ(Ids(tokens.begin(), tokens.end()), (Ids{1, 10, 11, 12, 2, 1, 2, 1, 1, 1}));
  const auto starts = rows.batch.document_starts.span<std::int32_t>();
  EXPECT_EQ(Ids(starts.begin(), starts.end()), (Ids{0, 0, 0, 0, 0, 5, 5, 7, 7, 7}));
  EXPECT_EQ(rows.documents, (std::vector<std::int64_t>{0, 0, 0, 0, -1, 1, -1, -1, -1, -1}));
  EXPECT_EQ(rows.batch.domains, (std::vector<int>{3, 3}));
  EXPECT_EQ(rows.batch.rank_documents, (std::vector<std::int64_t>{3}));
  EXPECT_EQ(data.batch(stream_, 0, {0, 1, 0, {1, 1}}).batch.rank_documents,
            (std::vector<std::int64_t>{1, 2}));
}

TEST_F(ValidationDataTest, NoTokensWanted_KeepsNoDocuments) {
  const ValidationData data = made(4, 0);
  EXPECT_EQ(data.windows(), 0);
  EXPECT_EQ(data.scored_targets(), 0);
}

TEST_F(ValidationDataTest, EmptySplit_IsRefused) {
  const TokenData data = made_token_data(folder_ / "b.h5", {{5}}, {});
  EXPECT_THROW(ValidationData(data, 4, 100, 0, true), BadInput);
}

}  // namespace
}  // namespace bam
