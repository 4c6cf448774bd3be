#pragma once

#include <string>
#include <vector>

#include "io/tokenizer.h"

namespace bam {

/// A real SentencePiece model of 320 pieces.
inline const Tokenizer& made_tokenizer_320() {
  static const Tokenizer tokenizer = [] {
    std::vector<std::string> texts;
    for (int i = 0; i < 200; ++i) {
      texts.push_back("line " + std::to_string(i * 7919) + ": the quick brown fox, return x\n");
    }
    return Tokenizer::train(texts, {.vocabulary = 320, .kind = TokenizerKind::kBpe});
  }();
  return tokenizer;
}

}  // namespace bam
