#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace bam {

enum class TokenizerKind { kBpe, kUnigram };

struct TokenizerOptions {
  std::int64_t vocabulary = 0;  // pieces, with 3 control symbols and 256 bytes among them
  TokenizerKind kind = TokenizerKind::kBpe;
};

/// A SentencePiece model. Models trained here lose nothing: text is not normalised, and what no
/// piece holds becomes bytes, so that decode(encode(text)) == text for all UTF-8.
class Tokenizer {
 public:
  /// Learns pieces from texts; the same texts give the same model. Throws BadInput where the texts
  /// do not yield as many pieces, or hold more characters.
  static Tokenizer train(std::span<const std::string> texts, const TokenizerOptions& options);
  /// Throws BadInput, naming `source`, unless `model` is a SentencePiece model with BOS and EOS.
  static Tokenizer from_bytes(std::string model, const std::string& source);
  static Tokenizer load(const std::filesystem::path& path);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Ids of a text, without BOS or EOS. A control symbol spelled out in it is plain text.
  std::vector<std::int32_t> encode(std::string_view text) const;
  /// The text's bytes; control symbols give none.
  std::string decode(std::span<const std::int32_t> ids) const;
  /// Bytes one id stands for: those of a sequence's ids, one after the other, are its text, so a
  /// generated text can be written as it comes. Throws Error where there is no such id.
  const std::string& bytes_of(std::int32_t id) const;

  std::int32_t bos() const { return bos_; }
  std::int32_t eos() const { return eos_; }
  std::int64_t vocabulary() const { return static_cast<std::int64_t>(pieces_.size()); }
  /// The SentencePiece model, byte for byte, and its XXH3-128 in hexadecimal.
  const std::string& model() const { return model_; }
  const std::string& hash() const { return hash_; }

 private:
  Tokenizer();
  void read_pieces();

  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
  std::string model_;
  std::string hash_;
  std::vector<std::string> pieces_;  // the bytes of each id
  std::vector<std::int32_t> space_symbol_;  // ids of the bytes of U+2581; empty without bytes
  std::int32_t bos_ = -1;
  std::int32_t eos_ = -1;
};

}  // namespace bam
