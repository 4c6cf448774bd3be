#pragma once

#include <span>
#include <vector>

#include "model/config.h"
#include "model/ffn_layer.h"
#include "runtime/routing.h"

namespace bam {

/// What routing did in one layer, domain by domain.
struct LayerRouting {
  std::vector<RoutingSums> attention;  // one a domain; empty without an attention router
  std::vector<RoutingSums> ffn;        // one a domain; empty in a dense model
};

/// sum += part, number by number. `sum` may be empty.
void add_sums(const RoutingSums& part, RoutingSums& sum);
/// sum += part, layer by layer and domain by domain. `sum` may be empty.
void add_routing(const std::vector<LayerRouting>& part, std::vector<LayerRouting>& sum);
/// Over all domains.
RoutingSums over_domains(const std::vector<RoutingSums>& domains);

/// Every number of the layers in a row, so that one all-reduce sums them over ranks, and back.
std::vector<double> flatten(const std::vector<LayerRouting>& layers);
void unflatten(std::span<const double> numbers, std::vector<LayerRouting>& layers);

/// The auxiliary losses, weighted, summed over layers (arXiv 2408.08274, section 3).
struct AuxiliaryLoss {
  double balance = 0;  // alpha * N * sum_i f_i P_i
  double z = 0;        // beta * mean of logsumexp^2
};

/// From the sums over all ranks of one micro-step.
AuxiliaryLoss auxiliary_loss(const ModelConfig& config, const std::vector<LayerRouting>& layers);

/// What each layer's backward needs; share: rows of this micro-step / rows of the optimiser step,
/// rows: of this micro-step on all ranks.
std::vector<BalanceTerm> balance_terms(const ModelConfig& config,
                                       const std::vector<LayerRouting>& layers, double share,
                                       double rows);

}  // namespace bam
