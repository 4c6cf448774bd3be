#pragma once

#include <filesystem>
#include <string>

namespace bam {

/// Loads a SentencePiece model that others made, and cuts and joins some text with it, in a child
/// process under limits: what crashes SentencePiece, or has no end, is BadInput naming `source`.
/// Called before anything starts threads, by each command that then loads the same bytes itself.
void try_tokenizer(const std::string& model, const std::string& source);
void try_tokenizer(const std::filesystem::path& path);

}  // namespace bam
