#include "io/batches.h"

#include <algorithm>
#include <utility>

#include "io/sequence_rows.h"
#include "runtime/check.h"
#include "runtime/host.h"

namespace bam {
namespace {

void check_domains(const std::vector<TrainingDomain>& domains, const BatchingOptions& options) {
  check_input(!domains.empty(), "data.domains: at least one domain is needed");
  check_input(options.sequence_length > 0, "data.sequence_length: expected more than 0, found ",
              options.sequence_length);
  check_input(options.micro_steps > 0 && options.sequences_per_step % options.micro_steps == 0,
              "training.micro_steps: ", options.micro_steps, " does not divide sequences_per_step ",
              options.sequences_per_step);
  const TokenDataInfo& first = domains[0].data.info();
  for (const TrainingDomain& domain : domains) {
    const TokenDataInfo& info = domain.data.info();
    check_input(info.vocabulary == first.vocabulary && info.tokenizer_hash == first.tokenizer_hash,
                domain.data.path().string(), ": made with another tokenizer (", info.tokenizer_hash,
                ") than ", domains[0].data.path().string(), " (", first.tokenizer_hash, ")");
  }
}

std::vector<DomainWindows> windows_of(const std::vector<TrainingDomain>& domains,
                                      const BatchingOptions& options) {
  check_domains(domains, options);
  std::vector<DomainWindows> windows;
  for (const TrainingDomain& domain : domains) {
    windows.push_back({domain.name, domain.share,
                       (domain.data.tokens(Split::kTrain) - 1) / options.sequence_length});
  }
  return windows;
}

}  // namespace

TrainingData::TrainingData(std::vector<TrainingDomain> domains, BatchingOptions options)
    : domains_(std::move(domains)),
      options_(options),
      order_(options_.seed, options_.sequences_per_step, windows_of(domains_, options_)) {}

Draw TrainingData::draw(std::int64_t step, std::int64_t micro_step, std::int64_t sequence) const {
  const std::int64_t per_micro_step = options_.sequences_per_step / options_.micro_steps;
  check(sequence >= 0 && sequence < per_micro_step, "sequence ", sequence, " of a micro-step of ",
        per_micro_step);
  return order_.draw(step, micro_step * per_micro_step + sequence);
}

void TrainingData::read(const Draw& draw, std::span<std::int32_t> window) const {
  domains_[static_cast<std::size_t>(draw.domain)].data.read(
      Split::kTrain, draw.window * options_.sequence_length, window);
}

Batch TrainingData::batch(Stream& stream, std::int64_t step, std::int64_t micro_step,
                          const BatchShare& share) const {
  const std::int64_t length = options_.sequence_length;
  const std::int64_t count = share.count;
  check(count >= 0, count, " sequences");
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(count * length));
  std::vector<std::int32_t> targets(tokens.size());
  std::vector<std::int32_t> document_starts(tokens.size());
  std::vector<int> domains;
  std::vector<std::int32_t> window(static_cast<std::size_t>(length) + 1);
  const std::span<const std::int32_t> ids(window);
  for (std::int64_t i = 0; i < count; ++i) {
    const Draw drawn = draw(step, micro_step, share.first + i);
    const TokenData& data = domains_[static_cast<std::size_t>(drawn.domain)].data;
    read(drawn, window);
    const auto rows = [&](std::vector<std::int32_t>& values) {
      return std::span(values).subspan(static_cast<std::size_t>(i * length),
                                       static_cast<std::size_t>(length));
    };
    std::ranges::copy(ids.first(ids.size() - 1), rows(tokens).begin());
    fill_targets(ids.subspan(1), data.info().bos, rows(targets));
    fill_document_starts(ids.first(ids.size() - 1), data.info().bos, options_.separate_documents,
                         i * length, rows(document_starts));
    domains.push_back(drawn.domain);
  }
  const Shape shape = {count * length};
  return {.sequences = count,
          .length = length,
          .tokens = to_device(stream, shape, tokens),
          .targets = to_device(stream, shape, targets),
          .document_starts = to_device(stream, shape, document_starts),
          .domains = std::move(domains),
          .rank_sequences = share.rank_sequences,
          .rank_documents =
              rank_documents(share, domains_[0].data.info().bos, options_.separate_documents,
                             [&](std::int64_t sequence) {
                               std::vector<std::int32_t> inputs(static_cast<std::size_t>(length));
                               read(draw(step, micro_step, sequence), inputs);
                               return inputs;
                             })};
}

std::int64_t TrainingData::scored_targets(std::int64_t step) const {
  const std::int64_t length = options_.sequence_length;
  std::vector<std::int32_t> targets(static_cast<std::size_t>(length));
  std::int64_t scored = 0;
  for (std::int64_t i = 0; i < options_.sequences_per_step; ++i) {
    const Draw draw = order_.draw(step, i);
    const TokenData& data = domains_[static_cast<std::size_t>(draw.domain)].data;
    data.read(Split::kTrain, draw.window * length + 1, targets);
    scored += length - std::ranges::count(targets, data.info().bos);
  }
  return scored;
}

}  // namespace bam
