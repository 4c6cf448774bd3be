#include "io/batches.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "runtime/attention.h"
#include "runtime/check.h"
#include "runtime/cross_entropy.h"
#include "tests/io/made_token_data.h"
#include "tests/io/temporary_folder.h"

namespace bam {
namespace {

Ids ids_of(const Tensor& tensor) {
  const auto values = tensor.span<std::int32_t>();
  return {values.begin(), values.end()};
}

class TrainingDataTest : public testing::Test {
 protected:
  /// One domain of the documents given, in windows of four tokens.
  TrainingData made(const std::vector<Ids>& documents, BatchingOptions options) {
    options.sequence_length = 4;
    return {{{"made", made_token_data(folder_ / "a.h5", documents, {}), 1.0}}, options};
  }

  TemporaryFolder folder_;
  Memory memory_;
  Stream stream_{memory_};
};

TEST_F(TrainingDataTest, Batch_HasNextTokensAndDocumentStarts) {
  // One window: 1 5 2 1 | 7, whose second BOS is not to be predicted.
  const TrainingData data = made({{5}, {7}}, {.sequences_per_step = 2});
  const Batch batch = data.batch(stream_, 0, 0, {0, 2, 0, {2}});
  EXPECT_EQ(batch.rows(), 8);
  EXPECT_EQ(ids_of(batch.tokens), (Ids{1, 5, 2, 1, 1, 5, 2, 1}));
  EXPECT_EQ(ids_of(batch.targets), (Ids{5, 2, kNotScored, 7, 5, 2, kNotScored, 7}));
  EXPECT_EQ(ids_of(batch.document_starts), (Ids{0, 0, 0, 3, 4, 4, 4, 7}));
  EXPECT_EQ(batch.domains, (std::vector<int>{0, 0}));
  EXPECT_EQ(batch.rank_sequences, (std::vector<std::int64_t>{2}));
  EXPECT_EQ(batch.rank_documents, (std::vector<std::int64_t>{4}));
  EXPECT_EQ(data.scored_targets(0), 6);
}

TEST_F(TrainingDataTest, DocumentsTogether_StartAtTheSequence) {
  const TrainingData data =
      made({{5}, {7}}, {.sequences_per_step = 2, .separate_documents = false});
  EXPECT_EQ(data.batch(stream_, 0, 0, {0, 2, 0, {2}}).rank_documents,
            (std::vector<std::int64_t>{AttentionShape::kWhole}));
  EXPECT_EQ(ids_of(data.batch(stream_, 0, 0, {0, 2, 0, {2}}).document_starts),
            (Ids{0, 0, 0, 0, 4, 4, 4, 4}));
}

TEST_F(TrainingDataTest, SequenceWithinADocument_StartsAtItsFirstRow) {
  // 1 5 5 5 | 5 5 5 2: the second window, and its target, are cut off by the end of the stream.
  const TrainingData data = made({{5, 5, 5, 5, 5, 5, 5}}, {.sequences_per_step = 2});
  bool seen = false;
  for (std::int64_t step = 0; step < 3; ++step) {
    const Batch batch = data.batch(stream_, step, 0, {1, 1, 0, {1, 1}});
    const Ids tokens = ids_of(batch.tokens);
    seen = seen || tokens[0] == 5;
    EXPECT_EQ(ids_of(batch.document_starts), (Ids{0, 0, 0, 0}));
  }
  EXPECT_TRUE(seen);
}

TEST_F(TrainingDataTest, AnyCutOfTheStep_ReadsTheSameSequences) {
  Ids document(400);
  std::iota(document.begin(), document.end(), 3);
  for (std::int32_t& id : document) {
    id = 3 + id % 90;
  }
  const TrainingData whole = made({document}, {.sequences_per_step = 6, .seed = 9});
  const TrainingData cut = made({document}, {.sequences_per_step = 6, .micro_steps = 2, .seed = 9});
  const Ids expected = ids_of(whole.batch(stream_, 5, 0, {0, 6, 0, {6}}).tokens);
  Ids found;
  for (std::int64_t micro_step = 0; micro_step < 2; ++micro_step) {
    for (const std::int64_t first : {0, 2}) {  // ranks of two sequences and of one
      const Ids part =
          ids_of(cut.batch(stream_, 5, micro_step, {first, first == 0 ? 2 : 1, 0, {2, 1}}).tokens);
      found.insert(found.end(), part.begin(), part.end());
    }
  }
  EXPECT_EQ(found, expected);
}

TEST_F(TrainingDataTest, DocumentsAreCountedForEveryRankOfTheGroup) {
  Ids document(50, 7);
  const std::vector<Ids> documents = {document, {5}, {6, 7}, document, {8}};
  const BatchingOptions options = {.sequences_per_step = 8, .seed = 3};
  const TrainingData data = made(documents, options);
  const auto counted = [&](const BatchShare& share) {
    return data.batch(stream_, 2, 0, share).rank_documents;
  };
  std::vector<std::int64_t> alone;  // of sequences [2, 4), [4, 5), [5, 8)
  for (const auto& [first, count] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{2, 2}, {4, 1}, {5, 3}}) {
    const Batch batch = data.batch(stream_, 2, 0, {first, count, first, {count}});
    const Ids starts = ids_of(batch.document_starts);
    const std::set<std::int32_t> different(starts.begin(), starts.end());
    EXPECT_EQ(batch.rank_documents, (std::vector<std::int64_t>{std::ssize(different)}));
    alone.push_back(std::ssize(different));
  }
  EXPECT_EQ(counted({2, 2, 2, {2, 1, 3}}), alone);
  EXPECT_EQ(counted({5, 3, 2, {2, 1, 3}}), alone);
}

TEST_F(TrainingDataTest, NoSequences_AreAnEmptyBatch) {
  const TrainingData data = made({{5}, {7}}, {.sequences_per_step = 2});
  const Batch batch = data.batch(stream_, 0, 0, {2, 0, 0, {2, 0}});
  EXPECT_EQ(batch.rows(), 0);
  EXPECT_THROW(data.batch(stream_, 0, 0, {1, 2, 1, {2}}), Error);
}

TEST_F(TrainingDataTest, BadOptionsAndMismatchedDomains_AreRefused) {
  EXPECT_THROW(made({{5}, {7}}, {.sequences_per_step = 3, .micro_steps = 2}), BadInput);
  EXPECT_THROW(made({{5}, {7}}, {.sequences_per_step = 0}), BadInput);
  EXPECT_THROW(made({{}}, {.sequences_per_step = 1}), BadInput);  // fewer tokens than a window
  const TokenData a = made_token_data(folder_ / "a.h5", {{5, 6, 7, 8}}, {}, 100);
  const TokenData b = made_token_data(folder_ / "b.h5", {{5, 6, 7, 8}}, {}, 101);
  EXPECT_THROW(
      TrainingData({{"a", a, 1.0}, {"b", b, 1.0}}, {.sequence_length = 2, .sequences_per_step = 1}),
      BadInput);
}

}  // namespace
}  // namespace bam
