#include "io/near_duplicates.h"

#include <gtest/gtest.h>

#include <string>

namespace bam {
namespace {

/// 200 words of the text number `text`, from word `first` on.
std::string made_text(int text, int first = 0) {
  std::string words;
  for (int i = first; i < first + 200; ++i) {
    words += "w" + std::to_string(text) + "x" + std::to_string(i * i) + " ";
  }
  return words;
}

/// The same with one word in the middle replaced.
std::string edited_text(int text) { return made_text(text).replace(500, 4, "edit"); }

TEST(NearDuplicates, Unlike_IsPlacedInValidation) {
  NearDuplicates duplicates;
  for (int text = 0; text < 100; ++text) {
    duplicates.candidate(bands_of(made_text(text)));
    duplicates.training(bands_of(made_text(1000 + text)));
  }
  for (int text = 0; text < 100; ++text) {
    EXPECT_EQ(duplicates.place(bands_of(made_text(text))), Side::kValidation);
  }
}

TEST(NearDuplicates, LikeATrainingText_GoesToTraining) {
  NearDuplicates duplicates;
  for (int text = 0; text < 50; ++text) {
    duplicates.candidate(bands_of(made_text(text)));
  }
  for (int text = 0; text < 50; ++text) {
    duplicates.training(bands_of(edited_text(text)));
  }
  for (int text = 0; text < 50; ++text) {
    EXPECT_EQ(duplicates.place(bands_of(made_text(text))), Side::kTrain) << text;
  }
}

TEST(NearDuplicates, LikeAValidationText_IsLeftOut) {
  NearDuplicates duplicates;
  duplicates.candidate(bands_of(made_text(1)));
  duplicates.candidate(bands_of(edited_text(1)));
  EXPECT_EQ(duplicates.place(bands_of(made_text(1))), Side::kValidation);
  EXPECT_EQ(duplicates.place(bands_of(edited_text(1))), Side::kNeither);
}

TEST(NearDuplicates, LikeACandidateSentToTraining_GoesThereToo) {
  NearDuplicates duplicates;
  const Bands a = bands_of(made_text(1));
  const Bands b = bands_of(made_text(1, 8));
  duplicates.candidate(a);
  duplicates.candidate(b);
  duplicates.training(bands_of(edited_text(1)));
  EXPECT_EQ(duplicates.place(a), Side::kTrain);
  EXPECT_EQ(duplicates.place(b), Side::kTrain);
}

TEST(NearDuplicates, WhiteSpace_MakesNoDifference) {
  EXPECT_EQ(bands_of("a b  c\nd e f"), bands_of("a b c d e f"));
  EXPECT_EQ(bands_of("short text"), bands_of("short  text"));
  EXPECT_NE(bands_of("short text"), bands_of("short texts"));
}

TEST(Split, DrawnForValidation_FollowsContentAndShare) {
  int drawn = 0;
  for (int text = 0; text < 4000; ++text) {
    const std::string content = "text " + std::to_string(text);
    drawn += drawn_for_validation(content, 0.25) ? 1 : 0;
    EXPECT_FALSE(drawn_for_validation(content, 0.0));
    EXPECT_TRUE(drawn_for_validation(content, 1.0));
  }
  EXPECT_NEAR(drawn, 1000, 110);  // four standard deviations
}

}  // namespace
}  // namespace bam
