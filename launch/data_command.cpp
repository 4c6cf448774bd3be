#include "launch/data_command.h"

#include <algorithm>
#include <iostream>
#include <vector>

#include "io/prepare_data.h"
#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "launch/try_tokenizer.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace options = boost::program_options;

constexpr const char* kUsage = "bam data --domain NAME=PATH[,PATH...]... --out DIR [options]";
constexpr const char* kAbout =
    "Makes DIR/tokenizer.model and a token data set DIR/NAME.h5 for each domain. A path is a JSON\n"
    "Lines file (*.jsonl: `text` a document), a plain text file (one document) or a folder of such";

CommandLine command_line() {
  CommandLine command{kUsage, options::options_description(kAbout), {}};
  command.options.add_options()
      ("domain", options::value<std::vector<std::string>>()->required(),
       "a domain and its files: NAME=PATH[,PATH...]")
      ("out", options::value<std::string>()->required(), "folder to write")
      ("vocabulary", options::value<std::int64_t>()->default_value(2048),
       "pieces of the tokenizer trained")
      ("tokenizer-kind", options::value<std::string>()->default_value("bpe"), "bpe or unigram")
      ("tokenizer", options::value<std::string>(),
       "an existing SentencePiece model, used in place of training one")
      ("sample-bytes", options::value<std::int64_t>()->default_value(std::int64_t{1} << 24),
       "text the tokenizer is trained on, over all domains")
      ("validation-share", options::value<double>()->default_value(0.05, "0.05"),
       "part of the documents set aside for validation");
  return command;
}

DomainFiles parse_domain(const std::string& text) {
  const std::size_t equals = text.find('=');
  check_input(equals != text.npos && equals > 0, "--domain: expected NAME=PATH[,PATH...], found ",
              text);
  DomainFiles domain{text.substr(0, equals), {}};
  for (std::size_t begin = equals + 1; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    check_input(end > begin, "--domain: an empty path in ", text);
    domain.files.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return domain;
}

TokenizerKind parse_kind(const std::string& text) {
  check_input(text == "bpe" || text == "unigram", "--tokenizer-kind: expected bpe or unigram, found ",
              text);
  return text == "bpe" ? TokenizerKind::kBpe : TokenizerKind::kUnigram;
}

PrepareOptions parse_options(const options::variables_map& values) {
  PrepareOptions out;
  for (const std::string& domain : values["domain"].as<std::vector<std::string>>()) {
    out.domains.push_back(parse_domain(domain));
  }
  out.out = values["out"].as<std::string>();
  out.tokenizer.vocabulary = values["vocabulary"].as<std::int64_t>();
  out.tokenizer.kind = parse_kind(values["tokenizer-kind"].as<std::string>());
  if (values.contains("tokenizer")) {
    check_input(values["vocabulary"].defaulted(),
                "--tokenizer and --vocabulary: an existing tokenizer has its own vocabulary");
    out.existing_tokenizer = values["tokenizer"].as<std::string>();
  }
  out.sample_bytes = values["sample-bytes"].as<std::int64_t>();
  out.validation_share = values["validation-share"].as<double>();
  return out;
}

/// A domain of a long document or two may have none, by chance.
void warn_of_no_validation(const DomainSummary& domain, double share) {
  if (domain.validation_tokens > 0 || share == 0) {
    return;
  }
  std::cerr << "bam: warning: " << domain.path.string() << ": no validation tokens: of "
            << domain.train_documents + domain.left_out << " documents, each of which goes to one "
            << "side whole, none was drawn. Give more and shorter ones (a line of JSON Lines or a "
            << "file each), say \"split\": \"validation\" of some, or raise --validation-share\n";
}

}  // namespace

int data_command(std::span<const std::string> arguments) {
  const auto values = read_command_line(command_line(), arguments);
  if (!values) {
    return kDone;
  }
  const PrepareOptions prepare = parse_options(*values);
  if (prepare.existing_tokenizer) {
    try_tokenizer(*prepare.existing_tokenizer);
  }
  const auto report = [](const std::string& line) { std::cerr << "data: " << line << '\n'; };
  for (const DomainSummary& domain : prepare_data(prepare, report)) {
    std::cout << domain.path.string() << ": " << domain.train_tokens << " training tokens in "
              << domain.train_documents << " documents, " << domain.validation_tokens
              << " validation tokens in " << domain.validation_documents << "; "
              << domain.left_out << " near-duplicates left out\n";
    warn_of_no_validation(domain, prepare.validation_share);
  }
  return kDone;
}

}  // namespace bam
