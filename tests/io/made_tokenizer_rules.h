#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/tokenizer.pb.h"
#include "tests/io/made_tokenizer.h"

namespace bam {

/// A SentencePiece model that rewrites text, its trie made by hand: one rule, block by block.
class MadeTokenizerRules {
 public:
  static constexpr std::uint32_t kHasValue = 1U << 8;
  static constexpr std::uint32_t kValue = 1U << 31;
  static constexpr std::size_t kBlock = 256;

  MadeTokenizerRules(std::string_view from, std::string_view to) : text_(to) {
    text_ += '\0';
    units_.assign((from.size() + 2) * kBlock, kValue);
    std::size_t unit = 0;
    units_[0] = 0;
    for (std::size_t i = 0; i < from.size(); ++i) {
      const auto byte = static_cast<unsigned char>(from[i]);
      lead(unit, (i + 1) * kBlock);
      unit = (i + 1) * kBlock ^ byte;
      units_[unit] = byte;
    }
    lead(unit, (from.size() + 1) * kBlock);
    units_[unit] |= kHasValue;
    units_[(from.size() + 1) * kBlock] = kValue;  // the text begins at byte 0
  }

  std::vector<std::uint32_t>& units() { return units_; }
  std::string& text() { return text_; }
  /// Has a unit's children begin at another.
  void lead(std::size_t unit, std::size_t children) {
    units_[unit] = (units_[unit] & 0x1ff) | static_cast<std::uint32_t>((unit ^ children) << 10);
  }

  std::string rules() const {
    const auto bytes = static_cast<std::uint32_t>(units_.size() * sizeof(std::uint32_t));
    std::string rules(reinterpret_cast<const char*>(&bytes), sizeof bytes);
    rules.append(reinterpret_cast<const char*>(units_.data()), bytes);
    return rules + text_;
  }
  std::string model() const { return with(rules()); }
  /// Messages one after the other are merged.
  static std::string with(const std::string& rules) {
    proto::TokenizerModel model;
    model.mutable_normalizer()->set_characters(rules);
    return made_tokenizer_320().model() + model.SerializeAsString();
  }

 private:
  std::vector<std::uint32_t> units_;
  std::string text_;
};

}  // namespace bam
