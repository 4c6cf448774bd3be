#include "io/prepare_data.h"

#include <set>

#include "io/corpus.h"
#include "io/near_duplicates.h"
#include "io/text_file.h"
#include "io/token_data_writer.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr std::int64_t kReportBytes = std::int64_t{1} << 26;

using Report = std::function<void(const std::string&)>;

bool is_file_name(const std::string& name) {
  constexpr std::size_t kLongest = 200;  // bytes; with its ending a file system still takes it
  return !name.empty() && name.size() <= kLongest && name[0] != '.' && name.find('/') == name.npos;
}

void check_options(const PrepareOptions& options) {
  check_input(!options.domains.empty(), "domain: at least one is needed");
  check_input(options.validation_share >= 0 && options.validation_share < 1,
              "validation-share: expected a number in [0, 1), found ", options.validation_share);
  check_input(options.sample_bytes > 0, "sample-bytes: expected more than 0, found ",
              options.sample_bytes);
  std::set<std::string> names;
  for (const DomainFiles& domain : options.domains) {
    check_input(is_file_name(domain.name), "domain: \"", domain.name, "\" is not a file name");
    check_input(names.insert(domain.name).second, "domain: ", domain.name, " is given twice");
    check_input(!domain.files.empty(), "domain: ", domain.name, " has no files");
  }
}

bool is_candidate(const Document& document, double share) {
  return document.split ? *document.split == Split::kValidation
                        : drawn_for_validation(document.text, share);
}

/// Calls `use` with each document of a domain, reporting every 64 MiB of text.
template <class Use>
void for_each_document(const DomainFiles& domain, const std::string& doing, const Report& report,
                       const Use& use) {
  Corpus corpus(domain.files);
  std::int64_t done = 0;
  std::int64_t next_report = kReportBytes;
  while (const std::optional<Document> document = corpus.next()) {
    use(*document);
    done += static_cast<std::int64_t>(document->text.size());
    if (done >= next_report) {
      report(message_of(doing, " ", domain.name, ": ", done >> 20, " of about ",
                        corpus.bytes() >> 20, " MiB"));
      next_report += kReportBytes;
    }
  }
}

/// First pass: notes the candidates and takes a sample of the other documents, drawn by content.
std::vector<std::string> first_pass(const PrepareOptions& options, NearDuplicates& duplicates,
                                    const Report& report) {
  std::vector<std::string> sample;
  for (const DomainFiles& domain : options.domains) {
    report(message_of("reading ", domain.name));
    const auto wanted = static_cast<double>(options.sample_bytes) /
                        static_cast<double>(options.domains.size());
    const double share = wanted / static_cast<double>(Corpus(domain.files).bytes() + 1);
    double taken = 0;
    for_each_document(domain, "reading", report, [&](const Document& document) {
      if (is_candidate(document, options.validation_share)) {
        duplicates.candidate(bands_of(document.text));
      } else if (taken < wanted && drawn_for_validation("sample " + document.text, share)) {
        sample.push_back(document.text);
        taken += static_cast<double>(document.text.size());
      }
    });
  }
  return sample;
}

/// Second pass: notes which candidates resemble a training document. Throws BadInput where a domain
/// has no training documents, which it cannot do without.
void second_pass(const PrepareOptions& options, NearDuplicates& duplicates,
                 const Report& report) {
  for (const DomainFiles& domain : options.domains) {
    report(message_of("looking for near-duplicates in ", domain.name));
    std::int64_t training = 0;
    for_each_document(domain, "comparing", report, [&](const Document& document) {
      if (!is_candidate(document, options.validation_share)) {
        duplicates.training(bands_of(document.text));
        ++training;
      }
    });
    check_input(training > 0, "domain: ", domain.name,
                " has no training documents (each goes to one side whole; --validation-share 0 "
                "keeps all for training)");
  }
}

Tokenizer tokenizer_for(const PrepareOptions& options, const std::vector<std::string>& sample,
                        const Report& report) {
  if (options.existing_tokenizer) {
    return Tokenizer::load(*options.existing_tokenizer);
  }
  report(message_of("training a tokenizer of ", options.tokenizer.vocabulary, " pieces on ",
                    sample.size(), " documents"));
  return Tokenizer::train(sample, options.tokenizer);
}

/// Third pass: encodes one domain.
DomainSummary write_domain(const PrepareOptions& options, const DomainFiles& domain,
                           const Tokenizer& tokenizer, NearDuplicates& duplicates,
                           const Report& report) {
  DomainSummary summary;
  summary.name = domain.name;
  summary.path = options.out / (domain.name + ".h5");
  TokenDataWriter writer(summary.path, {domain.name, tokenizer.vocabulary(), tokenizer.bos(),
                                        tokenizer.eos(), tokenizer.hash()});
  for_each_document(domain, "encoding", report, [&](const Document& document) {
    const Side side = is_candidate(document, options.validation_share)
                          ? duplicates.place(bands_of(document.text))
                          : Side::kTrain;
    if (side == Side::kNeither) {
      ++summary.left_out;
      return;
    }
    writer.append(side == Side::kTrain ? Split::kTrain : Split::kValidation,
                  tokenizer.encode(document.text),
                  static_cast<std::int64_t>(document.text.size()));
  });
  writer.finish();
  summary.train_documents = writer.documents(Split::kTrain);
  summary.validation_documents = writer.documents(Split::kValidation);
  summary.train_tokens = writer.tokens(Split::kTrain);
  summary.validation_tokens = writer.tokens(Split::kValidation);
  return summary;
}

}  // namespace

std::vector<DomainSummary> prepare_data(const PrepareOptions& options, const Report& report) {
  check_options(options);
  check_folder_can_be_made(options.out);
  NearDuplicates duplicates;
  const std::vector<std::string> sample = first_pass(options, duplicates, report);
  second_pass(options, duplicates, report);
  const Tokenizer tokenizer = tokenizer_for(options, sample, report);
  make_folder(options.out);
  write_file(options.out / "tokenizer.model", tokenizer.model());
  std::vector<DomainSummary> summaries;
  for (const DomainFiles& domain : options.domains) {
    report(message_of("encoding ", domain.name));
    summaries.push_back(write_domain(options, domain, tokenizer, duplicates, report));
  }
  return summaries;
}

}  // namespace bam
