#include "io/tokenizer_rules.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "io/field_check.h"
#include "proto/tokenizer.pb.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr int kLongestRule =
    32;  // bytes; SentencePiece's buffer has one entry for each that matches
constexpr std::size_t kBytes = 256;

/// One unit of a double-array trie as Darts-clone stores it.
struct Unit {
  std::uint32_t bits = 0;

  bool has_value() const { return ((bits >> 8) & 1) != 0; }
  std::size_t value() const { return bits & 0x7fffffff; }
  /// The byte that leads to it, of a unit that is no value.
  std::uint32_t label() const { return bits & 0x800000ff; }
  /// Combined with its own place by exclusive or: where its value is, and from there its children.
  std::size_t offset() const { return std::size_t{bits >> 10} << ((bits & 0x200) >> 6); }
};

/// Follows every way from the root.
class Trie {
 public:
  Trie(std::string_view bytes, std::size_t text_bytes)
      : units_(bytes.size() / sizeof(Unit)), heights_(units_.size(), -1), text_bytes_(text_bytes) {
    std::memcpy(units_.data(), bytes.data(), units_.size() * sizeof(Unit));
  }

  /// Bytes of the longest rule that begins at the unit. Throws BadInput where `most` do not do.
  int height(std::size_t unit, int most) {
    check_input(most >= 0, "a rule of more than ", kLongestRule, " bytes");
    if (heights_[unit] < 0) {
      heights_[unit] = height_of_children(children_of(unit), most);
    }
    check_input(heights_[unit] <= most, "a rule of more than ", kLongestRule, " bytes");
    return heights_[unit];
  }

 private:
  std::size_t children_of(std::size_t unit) const {
    const std::size_t children = unit ^ units_[unit].offset();
    check_input((children | (kBytes - 1)) < units_.size(), "unit ", unit, " of ", units_.size(),
                " leads to unit ", children);
    const std::size_t value = units_[unit].has_value() ? units_[children].value() : 0;
    check_input(value < text_bytes_, "unit ", unit, " leads to byte ", value, " of ", text_bytes_);
    return children;
  }

  int height_of_children(std::size_t children, int most) {
    int highest = 0;
    for (std::size_t byte = 0; byte < kBytes; ++byte) {
      if (units_[children ^ byte].label() == byte) {
        highest = std::max(highest, 1 + height(children ^ byte, most - 1));
      }
    }
    return highest;
  }

  std::vector<Unit> units_;
  std::vector<int> heights_;  // negative: not known yet
  std::size_t text_bytes_;
};

void check_rules(std::string_view rules) {
  if (rules.empty()) {
    return;
  }
  std::uint32_t trie_bytes = 0;
  check_input(rules.size() > sizeof trie_bytes, rules.size(), " bytes are no rules");
  std::memcpy(&trie_bytes, rules.data(), sizeof trie_bytes);
  rules.remove_prefix(sizeof trie_bytes);
  check_input(trie_bytes >= kBytes * sizeof(Unit) && trie_bytes % sizeof(Unit) == 0 &&
                  trie_bytes < rules.size(),
              "a trie of ", trie_bytes, " of ", rules.size(), " bytes");
  check_input(rules.back() == '\0', "the last string has no end");
  Trie(rules.substr(0, trie_bytes), rules.size() - trie_bytes).height(0, kLongestRule);
}

}  // namespace

void check_tokenizer_rules(const std::string& model) {
  proto::TokenizerModel fields;
  check_input(fields.ParseFromString(model), "not a SentencePiece model");
  naming("normalizer_spec.precompiled_charsmap",
         [&] { check_rules(fields.normalizer().characters()); });
  naming("denormalizer_spec.precompiled_charsmap",
         [&] { check_rules(fields.denormalizer().characters()); });
}

}  // namespace bam
