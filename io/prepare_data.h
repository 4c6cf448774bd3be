#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/tokenizer.h"

namespace bam {

/// The text of one domain.
struct DomainFiles {
  std::string name;
  std::vector<std::filesystem::path> files;
};

/// What token data sets are made from, and how.
struct PrepareOptions {
  std::vector<DomainFiles> domains;
  std::filesystem::path out;                       // folder
  TokenizerOptions tokenizer;
  std::optional<std::filesystem::path> existing_tokenizer;  // used in place of training one
  double validation_share = 0.05;                  // of the documents
  std::int64_t sample_bytes = std::int64_t{1} << 24;  // of text the tokenizer is trained on
};

/// What became of one domain.
struct DomainSummary {
  std::string name;
  std::filesystem::path path;
  std::int64_t train_documents = 0, validation_documents = 0;
  std::int64_t train_tokens = 0, validation_tokens = 0;
  std::int64_t left_out = 0;  // documents that resemble one of validation
};

/// Makes `out`/tokenizer.model and `out`/<domain>.h5, a function of the documents and options. A
/// document's content draws its side, unless the corpus says it (Document::split); validation holds
/// no near-duplicates of training, across domains. The tokenizer sees training documents alone.
/// `report` is told of progress, a line at a time. Throws BadInput for options and text in error.
std::vector<DomainSummary> prepare_data(const PrepareOptions& options,
                                        const std::function<void(const std::string&)>& report);

}  // namespace bam
