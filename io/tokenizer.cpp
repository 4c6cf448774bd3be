#include "io/tokenizer.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <charconv>
#include <unordered_map>
#include <utility>

#include "io/content_hash.h"
#include "io/field_check.h"
#include "io/strict_json.h"
#include "io/text_file.h"
#include "io/tokenizer_rules.h"
#include "runtime/check.h"

namespace bam {
namespace {

/// What SentencePiece writes for a space (U+2581).
constexpr std::string_view kSpaceSymbol = "\xe2\x96\x81";
constexpr std::size_t kLongestLine = 8192;  // bytes; longer ones are not learned from
constexpr std::int64_t kReserved = 3 + 256;

/// Hands out the texts' lines. Newlines and tabs, which the trainer cannot learn, are left out and
/// stay bytes.
class Lines : public sentencepiece::SentenceIterator {
 public:
  explicit Lines(std::span<const std::string> texts) : texts_(texts) { Next(); }

  bool done() const override { return done_; }
  const std::string& value() const override { return line_; }
  sentencepiece::util::Status status() const override { return {}; }
  void Next() override {
    while (text_ < texts_.size()) {
      const std::string& text = texts_[text_];
      const std::size_t end = std::min(text.find_first_of("\n\t", at_), text.size());
      line_.assign(text, at_, end - at_);
      at_ = end + 1;
      if (at_ > text.size()) {
        ++text_;
        at_ = 0;
      }
      if (!line_.empty() && line_.size() <= kLongestLine) {
        return;
      }
    }
    done_ = true;
  }

 private:
  std::span<const std::string> texts_;
  std::size_t text_ = 0;
  std::size_t at_ = 0;
  std::string line_;
  bool done_ = false;
};

std::unordered_map<std::string, std::string> trainer_arguments(const TokenizerOptions& options) {
  return {{"model_type", options.kind == TokenizerKind::kBpe ? "bpe" : "unigram"},
          {"vocab_size", std::to_string(options.vocabulary)},
          {"byte_fallback", "true"},
          {"character_coverage", "0.9999"},
          {"normalization_rule_name", "identity"},
          {"remove_extra_whitespaces", "false"},
          {"add_dummy_prefix", "false"},
          {"allow_whitespace_only_pieces", "true"},
          {"split_by_unicode_script", "true"},
          {"max_sentence_length", std::to_string(kLongestLine)},
          {"num_threads", "2"},  // fixed: the sums of the unigram model depend on it
          {"unk_id", "0"},
          {"bos_id", "1"},
          {"eos_id", "2"},
          {"pad_id", "-1"},
          {"minloglevel", "2"}};
}

std::string replace_spaces(std::string_view piece) {
  std::string text;
  while (!piece.empty()) {
    if (piece.starts_with(kSpaceSymbol)) {
      text += ' ';
      piece.remove_prefix(kSpaceSymbol.size());
    } else {
      text += piece.front();
      piece.remove_prefix(1);
    }
  }
  return text;
}

/// Its trie of pieces refuses some with an exception.
void load_model(const std::string& model, sentencepiece::SentencePieceProcessor& processor) {
  check_tokenizer_rules(model);
  try {
    const auto status = processor.LoadFromSerializedProto(model);
    check_input(status.ok(), "not a SentencePiece model: ", status.ToString());
  } catch (const BadInput&) {
    throw;
  } catch (const std::exception& error) {
    throw BadInput(message_of("not a SentencePiece model: ", error.what()));
  }
}

/// The byte that a piece "<0x41>" stands for; BadInput where it is no such piece.
char byte_of(const std::string& piece) {
  unsigned byte = 0;
  const bool is_framed = piece.size() == 6 && piece.starts_with("<0x") && piece.ends_with('>');
  const std::string digits = is_framed ? piece.substr(3, 2) : "";
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
  check_input(is_framed && read.ptr == digits.data() + 2, "a byte is called ", escaped(piece),
              " where \"<0x41>\" and the like was expected");
  return static_cast<char>(byte);
}

}  // namespace

Tokenizer::Tokenizer()
    : processor_(std::make_unique<sentencepiece::SentencePieceProcessor>()) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::train(std::span<const std::string> texts, const TokenizerOptions& options) {
  check_input(options.vocabulary > kReserved, "vocabulary: expected more than ", kReserved,
              " (the control symbols and bytes), found ", options.vocabulary);
  Lines lines(texts);
  check_input(!lines.done(), "tokenizer: no text to learn from");
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(trainer_arguments(options),
                                                                 &lines, &model);
  check_input(status.ok(), "vocabulary: ", options.vocabulary,
              " pieces cannot be learned from this text: ", status.ToString());
  Tokenizer tokenizer = from_bytes(std::move(model), "the trained tokenizer");
  check_input(tokenizer.vocabulary() == options.vocabulary, "vocabulary: only ",
              tokenizer.vocabulary(), " of ", options.vocabulary,
              " pieces can be learned from this text");
  return tokenizer;
}

Tokenizer Tokenizer::from_bytes(std::string model, const std::string& source) {
  check_input(!model.empty(), source, ": empty, not a SentencePiece model");
  Tokenizer tokenizer;
  naming(source, [&] { load_model(model, *tokenizer.processor_); });
  tokenizer.bos_ = tokenizer.processor_->bos_id();
  tokenizer.eos_ = tokenizer.processor_->eos_id();
  check_input(tokenizer.bos_ >= 0 && tokenizer.eos_ >= 0 && tokenizer.bos_ != tokenizer.eos_,
              source, ": has no BOS or no EOS symbol");
  tokenizer.hash_ = hex_of(hash_of(model));
  tokenizer.model_ = std::move(model);
  naming(source, [&] { tokenizer.read_pieces(); });
  return tokenizer;
}

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  return from_bytes(read_file(path), path.string());
}

void Tokenizer::read_pieces() {
  std::unordered_map<char, std::int32_t> bytes;
  for (std::int32_t id = 0; id < processor_->GetPieceSize(); ++id) {
    const std::string& piece = processor_->IdToPiece(id);
    if (processor_->IsByte(id)) {
      bytes[byte_of(piece)] = id;
      pieces_.emplace_back(1, byte_of(piece));
    } else {
      const bool silent = processor_->IsControl(id) || processor_->IsUnknown(id);
      pieces_.push_back(silent ? "" : replace_spaces(piece));
    }
  }
  for (const char byte : kSpaceSymbol) {
    if (bytes.contains(byte)) {
      space_symbol_.push_back(bytes[byte]);
    }
  }
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text) const {
  // U+2581 itself would come back as a space: its bytes are given in its place.
  std::vector<std::int32_t> ids;
  while (!text.empty()) {
    const std::size_t end = space_symbol_.empty() ? text.npos : text.find(kSpaceSymbol);
    std::vector<int> part;
    const auto status = processor_->Encode(text.substr(0, end), &part);
    check(status.ok(), "text cannot be encoded: ", status.ToString());
    ids.insert(ids.end(), part.begin(), part.end());
    if (end == text.npos) {
      break;
    }
    ids.insert(ids.end(), space_symbol_.begin(), space_symbol_.end());
    text.remove_prefix(end + kSpaceSymbol.size());
  }
  return ids;
}

const std::string& Tokenizer::bytes_of(std::int32_t id) const {
  check(id >= 0 && id < vocabulary(), "id ", id, " is not below the vocabulary ", vocabulary());
  return pieces_[static_cast<std::size_t>(id)];
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids) const {
  std::string text;
  for (const std::int32_t id : ids) {
    text += bytes_of(id);
  }
  return text;
}

}  // namespace bam
