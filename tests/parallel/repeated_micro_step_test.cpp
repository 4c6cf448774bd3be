#include "parallel/repeated_micro_step.h"

#include "runtime/elementwise.h"
#include "tests/runtime/tensors.h"

namespace bam::testing {
namespace {

// Of a GPU's work; nothing else is recorded.
class RepeatedMicroStepTest : public ::testing::Test {
 protected:
  // Whether a batch of so many documents on two ranks is recorded, or done from the record. What
  // it does is of no matter.
  bool begin(const std::vector<std::int64_t>& documents, double capacity = 0) {
    Stream& stream = device_.stream;
    const Tensor rows(stream, {4}, DType::kInt32);
    const Batch batch{.sequences = 1,
                      .length = 4,
                      .tokens = rows,
                      .targets = rows,
                      .document_starts = rows,
                      .domains = {0},
                      .rank_sequences = {1, 1},
                      .rank_documents = documents};
    const bool is_repeated =
        repeated_.begin(stream, batch, {.capacity_factor = capacity, .rows = 8, .share = 1});
    if (is_repeated) {
      const Tensor& tokens = repeated_.batch().tokens;
      repeated_.saved().recording.run(stream, [&] { copy(stream, tokens, tokens); });
    }
    return is_repeated;
  }

  Device device_;
  RepeatedMicroStep repeated_;
};

TEST_F(RepeatedMicroStepTest, IsRecordedTheSecondTime) {
  EXPECT_FALSE(begin({3, 2}));
  EXPECT_TRUE(begin({3, 2}));
  EXPECT_TRUE(begin({3, 2}));
  EXPECT_FALSE(begin({3, 2}, 1.5));
}

TEST_F(RepeatedMicroStepTest, ARecordServesFewerDocumentsAndNotMore) {
  using Counts = std::vector<std::int64_t>;
  EXPECT_FALSE(begin({20, 2}));
  EXPECT_TRUE(begin({1, 16}));
  EXPECT_TRUE(begin({32, 1}));
  EXPECT_EQ(repeated_.batch().rank_documents, (Counts{32, 16}));
  EXPECT_FALSE(begin({1, 17}));
  EXPECT_TRUE(begin({30, 32}));
  EXPECT_EQ(repeated_.batch().rank_documents, (Counts{32, 32}));
  EXPECT_FALSE(begin({}));
}

TEST_F(RepeatedMicroStepTest, WholeSequencesStayWhole) {
  EXPECT_FALSE(begin({0, 0}));
  EXPECT_TRUE(begin({0, 0}));
  EXPECT_EQ(repeated_.batch().rank_documents, (std::vector<std::int64_t>{0, 0}));
}

}  // namespace
}  // namespace bam::testing
