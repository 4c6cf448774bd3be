#include "model/routing_statistics.h"

#include <numeric>

#include "runtime/check.h"

namespace bam {
namespace {

// Calls visit(number) for every number of the layers, always in one order.
template <class Layers, class Visit>
void for_each_number(Layers& layers, Visit visit) {
  for (auto& layer : layers) {
    for (auto* kind : {&layer.attention, &layer.ffn}) {
      for (auto& sums : *kind) {
        for (auto& chosen : sums.chosen) visit(chosen);
        for (auto& gates : sums.gates) visit(gates);
        visit(sums.entropy);
        visit(sums.squared_log_sum);
        visit(sums.tokens);
        for (auto& pair : sums.pairs) visit(pair);
      }
    }
  }
}

double mean_squared_log_sum(const RoutingSums& sums) {
  return sums.tokens == 0 ? 0 : sums.squared_log_sum / sums.tokens;
}

void add_domains(const std::vector<RoutingSums>& part, std::vector<RoutingSums>& sum) {
  sum.resize(part.size());
  for (std::size_t domain = 0; domain < part.size(); ++domain) {
    add_sums(part[domain], sum[domain]);
  }
}

std::vector<double> load_share(const RoutingSums& sums) {
  const double slots = std::accumulate(sums.chosen.begin(), sums.chosen.end(), 0.0);
  std::vector<double> share = sums.chosen;
  for (double& value : share) {
    value /= slots > 0 ? slots : 1;
  }
  return share;
}

}  // namespace

void add_sums(const RoutingSums& part, RoutingSums& sum) {
  sum.chosen.resize(part.chosen.size());
  sum.gates.resize(part.gates.size());
  for (std::size_t e = 0; e < part.gates.size(); ++e) {
    sum.chosen[e] += part.chosen[e];
    sum.gates[e] += part.gates[e];
  }
  sum.pairs.resize(part.pairs.size());
  for (std::size_t pair = 0; pair < part.pairs.size(); ++pair) {
    sum.pairs[pair] += part.pairs[pair];
  }
  sum.entropy += part.entropy;
  sum.squared_log_sum += part.squared_log_sum;
  sum.tokens += part.tokens;
}

void add_routing(const std::vector<LayerRouting>& part, std::vector<LayerRouting>& sum) {
  sum.resize(part.size());
  for (std::size_t layer = 0; layer < part.size(); ++layer) {
    add_domains(part[layer].attention, sum[layer].attention);
    add_domains(part[layer].ffn, sum[layer].ffn);
  }
}

RoutingSums over_domains(const std::vector<RoutingSums>& domains) {
  RoutingSums sum;
  for (const RoutingSums& domain : domains) {
    add_sums(domain, sum);
  }
  return sum;
}

std::vector<double> flatten(const std::vector<LayerRouting>& layers) {
  std::vector<double> numbers;
  for_each_number(layers, [&](double number) { numbers.push_back(number); });
  return numbers;
}

void unflatten(std::span<const double> numbers, std::vector<LayerRouting>& layers) {
  std::size_t next = 0;
  for_each_number(layers, [&](double& number) { number = numbers[next++]; });
  check(next == numbers.size(), numbers.size(), " routing numbers for ", next, " places");
}

AuxiliaryLoss auxiliary_loss(const ModelConfig& config, const std::vector<LayerRouting>& layers) {
  AuxiliaryLoss loss;
  if (!config.mixture) {
    return loss;
  }
  const FfnMixture& mixture = config.mixture->ffn;
  for (const LayerRouting& layer : layers) {
    const RoutingSums ffn = over_domains(layer.ffn);
    const std::vector<double> share = load_share(ffn);
    const double product =
        std::inner_product(share.begin(), share.end(), ffn.gates.begin(), 0.0) / ffn.tokens;
    loss.balance += mixture.balance_loss * mixture.experts * product;
    loss.z += mixture.z_loss * mean_squared_log_sum(ffn);
    if (!layer.attention.empty()) {
      loss.z += config.mixture->attention->z_loss *
                mean_squared_log_sum(over_domains(layer.attention));
    }
  }
  return loss;
}

std::vector<BalanceTerm> balance_terms(const ModelConfig& config,
                                       const std::vector<LayerRouting>& layers, double share,
                                       double rows) {
  std::vector<BalanceTerm> terms;
  for (const LayerRouting& layer : layers) {
    terms.push_back({.share = share, .rows = rows, .load_share = {}});
    if (config.mixture) {
      terms.back().load_share = load_share(over_domains(layer.ffn));
    }
  }
  return terms;
}

}  // namespace bam
