#pragma once

#include <string>

namespace bam {

/// Checks the rules by which a SentencePiece model rewrites text. SentencePiece follows the offsets
/// in them wherever they lead: a damaged model is accepted and crashes at some text. Throws
/// BadInput, naming the field, where one leads out of the rules, or a rule is longer than 32 bytes,
/// as many as SentencePiece has room for.
void check_tokenizer_rules(const std::string& model);

}  // namespace bam
