#include "model/transformer.h"

#include <algorithm>

#include "model/linear.h"
#include "model/memory_need.h"
#include "runtime/cross_entropy.h"
#include "runtime/elementwise.h"
#include "runtime/embedding.h"
#include "runtime/host.h"
#include "runtime/layer_norm.h"
#include "runtime/rope.h"

namespace bam {
namespace {

DType activations_of(Precision precision) {
  return precision == Precision::kFloat32 ? DType::kFloat32 : DType::kBFloat16;
}

void count(Stream& stream, const Batch& batch, const TransformerOptions& options,
           const RouterSaved& router, RoutingTally& tally) {
  const bool counts_pairs = options.counts_pairs && router.choices.cols() > 1;
  tally.add(stream, router.probabilities, router.log_sums, router.choices, batch.length,
            counts_pairs ? Pairs::kCounted : Pairs::kLeftOut);
}

// A span of what was counted is a sequence.
std::vector<RoutingSums> by_domain(const Batch& batch, int domains,
                                   const RoutingTally::Counted& counted) {
  std::vector<RoutingSums> sums(static_cast<std::size_t>(domains), counted.none);
  for (std::size_t s = 0; s < counted.spans.size(); ++s) {
    add_sums(counted.spans[s], sums.at(static_cast<std::size_t>(batch.domains[s])));
  }
  return sums;
}

// Of the expert that most tokens chose.
double most_chosen(const std::vector<RoutingSums>& domains) {
  return std::ranges::max(over_domains(domains).chosen);
}

bool has_attention_router(const ModelConfig& config) {
  return config.has_attention_experts() && config.mixture->attention->has_router();
}

}  // namespace

Transformer::Transformer(Stream& stream, const ModelConfig& config, const ParameterStore& store,
                         const Placement& placement, Exchange& exchange, TransformerOptions options)
    : config_(config),
      options_(options),
      store_(store),
      placement_(placement),
      exchange_(exchange),
      rope_table_(rope_table(stream, 0, config.head_dim(), config.rope_theta)) {
  for (int layer = 0; layer < config.n_layers; ++layer) {
    blocks_.emplace_back(config, store, placement, layer, exchange,
                         activations_of(options.precision));
  }
}

const Parameter& Transformer::output() const {
  return store_.at(config_.tied_embeddings ? "embedding" : "output");
}

void Transformer::forward(Stream& stream, const Batch& batch, Keep keep, Saved& saved,
                          double capacity_factor) const {
  grow_rope_table(stream, batch.length);
  saved.recording.run(stream, [&] { compute(stream, batch, keep, capacity_factor, saved); });
  read_routing(stream, batch, saved);
}

// Forward up to where the host reads what the routers did.
void Transformer::compute(Stream& stream, const Batch& batch, Keep keep, double capacity_factor,
                          Saved& saved) const {
  saved.rope_table = rope_table_;
  saved.micro = lay_out(stream, config_, batch, placement_, exchange_, options_.slices_per_peer);
  saved.micro.capacity = expert_capacity(config_, batch, capacity_factor);
  Tensor x(stream, {batch.rows(), config_.d_model}, DType::kFloat32);
  embedding(stream, batch.tokens, store_.at("embedding").value, x);
  for (const Block& block : blocks_) {
    stream.heartbeat().at_layer(static_cast<int>(&block - blocks_.data()));
    BlockSaved block_saved;
    Tensor y = block.forward(stream, saved.micro, saved.rope_table, x, block_saved);
    count_routing(stream, batch, block_saved, saved.tally);
    if (keep != Keep::kNothing) {
      saved.inputs.push_back(x);
      saved.blocks.emplace_back();
    }
    if (keep == Keep::kAll) {
      saved.blocks.back() = std::move(block_saved);
    }
    x = std::move(y);
  }
  saved.last = x;
  saved.hidden = Tensor(stream, x.shape(), activations_of(options_.precision));
  saved.final_statistics = Tensor(stream, {x.rows(), 2}, DType::kFloat32);
  layer_norm(stream, x, store_.at("final_norm").value, config_.norm_epsilon, saved.hidden,
             saved.final_statistics);
}

void Transformer::grow_rope_table(Stream& stream, std::int64_t positions) const {
  if (rope_table_.rows() < positions) {
    rope_table_ = rope_table(stream, positions, config_.head_dim(), config_.rope_theta);
  }
}

Tensor Transformer::next_logits(Stream& stream, const Tensor& tokens, KeyValueCache& cache) const {
  const std::int64_t m = tokens.rows();
  grow_rope_table(stream, cache.capacity);
  const MicroBatch micro = lay_out_next(stream, config_, cache.length, m);
  Tensor x(stream, {m, config_.d_model}, DType::kFloat32);
  embedding(stream, tokens, store_.at("embedding").value, x);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    BlockSaved unused;
    x = blocks_[i].forward(stream, micro, rope_table_, x, unused, &cache.layers[i]);
  }
  cache.length += m;
  const Tensor hidden(stream, {1, config_.d_model}, activations_of(options_.precision));
  const Tensor statistics(stream, {1, 2}, DType::kFloat32);
  layer_norm(stream, x.slice(m - 1, m), store_.at("final_norm").value, config_.norm_epsilon, hidden,
             statistics);
  return logits(stream, hidden, DType::kFloat32);
}

void Transformer::count_routing(Stream& stream, const Batch& batch, const BlockSaved& saved,
                                RoutingTally& tally) const {
  if (has_attention_router(config_)) {
    count(stream, batch, options_, saved.attention.router, tally);
  }
  if (config_.mixture) {
    count(stream, batch, options_, saved.ffn.router, tally);
  }
}

// What count_routing added, layer by layer, and whether it fits the experts' capacity.
void Transformer::read_routing(Stream& stream, const Batch& batch, Saved& saved) const {
  const std::vector<RoutingTally::Counted> counted = saved.tally.read(stream);
  auto next = counted.begin();
  saved.routing.resize(blocks_.size());
  saved.has_overflow = false;
  const ExpertCapacity& capacity = saved.micro.capacity;
  for (LayerRouting& layer : saved.routing) {
    if (has_attention_router(config_)) {
      layer.attention = by_domain(batch, options_.domains, *next++);
    }
    if (config_.mixture) {
      layer.ffn = by_domain(batch, options_.domains, *next++);
    }
    if (!capacity.empty()) {
      const auto room = capacity[static_cast<std::size_t>(exchange_.rank())];
      saved.has_overflow |= most_chosen(layer.ffn) > static_cast<double>(room);
    }
  }
}

Tensor Transformer::logits(Stream& stream, const Tensor& hidden, DType dtype) const {
  Tensor out(stream, {hidden.rows(), config_.vocabulary}, dtype);
  matmul(stream, hidden, transposed(output().value), out);
  return out;
}

Tensor Transformer::losses(Stream& stream, const Batch& batch, const Saved& saved) const {
  Tensor losses(stream, {batch.rows()}, DType::kFloat32);
  const std::int64_t rows = logit_rows(stream.device(), config_.vocabulary, DType::kFloat32);
  for (std::int64_t begin = 0; begin < batch.rows(); begin += rows) {
    const std::int64_t end = std::min(begin + rows, batch.rows());
    cross_entropy(stream, logits(stream, saved.hidden.slice(begin, end), DType::kFloat32),
                  batch.targets.slice(begin, end), losses.slice(begin, end));
  }
  return losses;
}

Tensor Transformer::losses_and_gradient(Stream& stream, const Batch& batch, Saved& saved,
                                        double scale) const {
  Tensor losses(stream, {batch.rows()}, DType::kFloat32);
  if (saved.d_hidden.shape() != saved.hidden.shape()) {
    saved.d_hidden = Tensor(stream, saved.hidden.shape(), DType::kFloat32);
  }
  const DType dtype = saved.hidden.dtype();
  const std::int64_t rows = logit_rows(stream.device(), config_.vocabulary, dtype);
  for (std::int64_t begin = 0; begin < batch.rows(); begin += rows) {
    const std::int64_t end = std::min(begin + rows, batch.rows());
    const Tensor hidden = saved.hidden.slice(begin, end);
    const Tensor d_scores = logits(stream, hidden, dtype);  // which they are until the next line
    cross_entropy_with_gradient(stream, d_scores, batch.targets.slice(begin, end), scale,
                                losses.slice(begin, end), d_scores);
    matmul(stream, d_scores, output().value, saved.d_hidden.slice(begin, end));
    add_linear_weight_gradient(stream, d_scores, hidden, output());
  }
  return losses;
}

void Transformer::backward(Stream& stream, const Batch& batch, Saved& saved,
                           const std::vector<BalanceTerm>& balance,
                           const std::function<void(int)>& after_layer) const {
  set_balance_slopes(stream, balance, saved);
  const bool is_low = options_.precision == Precision::kBFloat16;
  Tensor dx;
  Tensor low;  // dx as the products take it
  saved.recording.run(stream, [&] {
    const Parameter& norm = store_.at("final_norm");
    dx = Tensor(stream, saved.d_hidden.shape(), DType::kFloat32);
    low = is_low ? Tensor(stream, dx.shape(), DType::kBFloat16) : dx;
    fill_zero(stream, dx);
    layer_norm_backward(stream, saved.last, norm.value, saved.final_statistics, saved.d_hidden, dx,
                        norm.gradient, is_low ? low : Tensor());
  });
  for (std::size_t i = blocks_.size(); i-- > 0;) {
    stream.heartbeat().at_layer(static_cast<int>(i));
    saved.recording.run(stream, [&] { layer_backward(stream, i, balance.at(i), dx, low, saved); });
    after_layer(static_cast<int>(i));
  }
  const Parameter& table = store_.at("embedding");
  if (!table.gradient.empty()) {
    saved.recording.run(stream,
                        [&] { embedding_backward(stream, batch.tokens, dx, table.gradient); });
  }
}

// One copy to the device for all layers.
void Transformer::set_balance_slopes(Stream& stream, const std::vector<BalanceTerm>& balance,
                                     Saved& saved) const {
  if (!config_.mixture) {
    return;
  }
  std::vector<float> slopes;
  for (const BalanceTerm& term : balance) {
    const std::vector<float> of_layer = balance_slopes(config_.mixture->ffn, term);
    slopes.insert(slopes.end(), of_layer.begin(), of_layer.end());
  }
  if (saved.balance_slopes.empty()) {
    saved.balance_slopes =
        Tensor(stream, {config_.n_layers, config_.mixture->ffn.experts}, DType::kFloat32);
  }
  to_device(stream, slopes, saved.balance_slopes);
}

void Transformer::layer_backward(Stream& stream, std::size_t layer, const BalanceTerm& balance,
                                 const Tensor& dx, const Tensor& low, Saved& saved) const {
  std::optional<BlockSaved>& kept = saved.blocks[layer];
  if (!kept) {
    kept.emplace();
    blocks_[layer].forward(stream, saved.micro, saved.rope_table, saved.inputs[layer], *kept);
  }
  const auto row = static_cast<std::int64_t>(layer);
  const AuxiliarySlopes auxiliary{
      .balance = config_.mixture ? saved.balance_slopes.slice(row, row + 1) : Tensor(),
      .per_row = balance.share / balance.rows};
  blocks_[layer].backward(stream, saved.micro, saved.rope_table, saved.inputs[layer], *kept,
                          auxiliary, dx, low);
  kept.reset();
  saved.inputs[layer] = Tensor();
}

std::string Transformer::obstacle_to_recording(double capacity_factor) const {
  if (config_.mixture && !exchange_.can_be_recorded()) {
    return "experts are spread over ranks, and the host moves what goes between them";
  }
  if (config_.mixture && capacity_factor == 0) {
    return "experts' numbers of rows are waited for (parallel.expert_capacity_factor is 0)";
  }
  if (config_.has_attention_experts() &&
      config_.mixture->attention->routing == AttentionRouting::kTopK) {
    return "attention experts' numbers of rows are waited for (routing is TOP_K)";
  }
  return "";
}

}  // namespace bam
