#include "launch/evaluation.h"

#include "runtime/host.h"

namespace bam {
namespace {

// Adds a batch's losses to its documents' sums.
void add_losses(Stream& stream, const ValidationBatch& batch, const Tensor& losses,
                std::vector<double>& nll) {
  const std::vector<float> loss = to_host<float>(stream, losses);
  for (std::size_t row = 0; row < loss.size(); ++row) {
    if (batch.documents[row] >= 0) {
      nll[static_cast<std::size_t>(batch.documents[row])] += loss[row];
    }
  }
}

// Tokens of each document that are scored: all but its BOS.
std::vector<double> count_targets(const ValidationData& data, const ValidationBatch& batch,
                                  std::vector<double> counts) {
  counts.resize(static_cast<std::size_t>(data.documents()));
  for (const std::int64_t document : batch.documents) {
    if (document >= 0) {
      counts[static_cast<std::size_t>(document)] += 1;
    }
  }
  return counts;
}

}  // namespace

double DomainScore::loss() const {
  double nll = 0;
  double tokens = 0;
  for (const DocumentScore& document : documents) {
    nll += document.nll;
    tokens += static_cast<double>(document.tokens);
  }
  return nll / tokens;
}

DomainScore evaluate(Stream& stream, const Transformer& model, const ValidationData& data,
                     Communicator& world, const Layout& layout, std::int64_t sequences_per_batch) {
  std::vector<double> nll(static_cast<std::size_t>(data.documents()));
  std::vector<double> targets(nll.size());
  DomainScore score;
  for (std::int64_t first = 0; first < data.windows(); first += sequences_per_batch) {
    const ValidationBatch batch = data.batch(stream, first, layout.share(sequences_per_batch));
    Saved saved;
    model.forward(stream, batch.batch, Keep::kNothing, saved);
    add_losses(stream, batch, model.losses(stream, batch.batch, saved), nll);
    targets = count_targets(data, batch, std::move(targets));
    add_routing(saved.routing, score.routing);
  }
  std::vector<double> routing = flatten(score.routing);
  world.all_reduce_sum(stream, nll).wait(stream);
  world.all_reduce_sum(stream, targets).wait(stream);
  world.all_reduce_sum(stream, routing).wait(stream);
  unflatten(routing, score.routing);
  for (std::size_t d = 0; d < nll.size(); ++d) {
    score.documents.push_back({nll[d], static_cast<std::int64_t>(targets[d]),
                               data.document_bytes(static_cast<std::int64_t>(d))});
  }
  return score;
}

}  // namespace bam
