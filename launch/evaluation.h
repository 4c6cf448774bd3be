#pragma once

#include <string>
#include <vector>

#include "io/bootstrap.h"
#include "io/validation_data.h"
#include "model/transformer.h"
#include "parallel/communicator.h"
#include "parallel/layout.h"

namespace bam {

/// How well a model predicts one domain, and how it routed its tokens.
struct DomainScore {
  std::vector<DocumentScore> documents;
  std::vector<LayerRouting> routing;  // one entry a layer, over all windows

  /// Mean negative log-likelihood of a scored token, nats.
  double loss() const;
};

/// Scores every token of `data` once, on every rank of the layout; all ranks return the same.
DomainScore evaluate(Stream& stream, const Transformer& model, const ValidationData& data,
                     Communicator& world, const Layout& layout,
                     std::int64_t sequences_per_batch);

}  // namespace bam
