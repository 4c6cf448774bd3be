#include "parallel/planner/cost/memory_model.h"

#include <algorithm>

#include "model/memory_need.h"
#include "parallel/gradient_sum.h"
#include "parallel/planner/cost/layer_time.h"

namespace bam {
namespace {

constexpr double kFloat = 4;

/// What a rank keeps of the weights that all ranks hold.
struct Owned {
  double optimizer = 0;  // bytes
  double elements = 0;
  double output = 0;  // of them, of the output embedding
  bool operator==(const Owned&) const = default;
};

/// Tiles are dealt to the ranks as ShardedOptimizer does. (ranks)
std::vector<Owned> deal_shared(const RunShape& run, const ModelSizes& sizes, int ranks) {
  const double total = sizes.shared + sizes.shared_fp32;
  const bool is_low = run.precision == Precision::kBFloat16;
  std::vector<Owned> owned(static_cast<std::size_t>(ranks));
  double before = 0;
  for (const SharedWeight& weight : sizes.shared_weights) {
    const double states = is_low && !weight.is_fp32 ? 3 : 2;  // moments, and a master
    for (double begin = 0; begin < weight.elements; begin += kTileElements) {
      const double elements = std::min<double>(kTileElements, weight.elements - begin);
      Owned& rank = owned[static_cast<std::size_t>(before * ranks / total)];
      rank.optimizer += elements * kFloat * states;
      rank.elements += elements;
      rank.output += weight.is_output ? elements : 0;
      before += elements;
    }
  }
  return owned;
}

/// What the ranks at one place of their expert-parallel groups need, all alike but for what they
/// own.
class PlaceMemory {
 public:
  PlaceMemory(std::size_t place, const RunShape& run, const ModelSizes& sizes,
              const RunLayout& layout, const std::vector<LayerHoldings>& layers)
      : run_(run), sizes_(sizes), layout_(layout), rows_(row_counts(run, layout)) {
    for (int l = 0; l < run.model.n_layers; ++l) {
      const std::size_t entry = layers.size() == 1 ? 0 : static_cast<std::size_t>(l);
      holdings_.push_back(&layers[entry][place]);
    }
    add_weights(kept_);
    recomputed_ = add_activations(kept_);
    for (const RankHolding* holding : holdings_) {
      forward_ = larger(forward_, larger(ffn_forward(*holding), attention_forward(*holding)));
      backward_ = larger(backward_, layer_stage(*holding));
    }
  }

  /// The worst of four moments: the fullest layer's FFN experts forward, once all layers have left
  /// what backward needs; the loss; the fullest layer's backward, while the output embedding's
  /// gradients travel; the end of backward, when all others do.
  MemoryPrediction predicted(const Owned& owned) const {
    const double hidden_gradient = rows_.own * width() * kFloat;
    MemoryPrediction forward = kept_;
    forward.staging = (layout_.recompute ? hidden_gradient + recomputed_ : 0) + forward_.staging;
    forward.exchange = forward_.exchange;
    MemoryPrediction loss = kept_;
    loss.staging = hidden_gradient + loss_bytes();
    MemoryPrediction middle = kept_;
    middle.staging = hidden_gradient + recomputed_ + backward_.staging;
    middle.exchange = backward_.exchange + inboxes(owned.output, layout_.ranks);
    MemoryPrediction end = kept_;
    end.activations = norm_activations(rows_.own, run_.model.d_model, run_.precision);
    end.staging = 2 * hidden_gradient;
    end.exchange = inboxes(owned.elements, layout_.ranks) +
                   inboxes(experts_ / layout_.data_parallel(), layout_.data_parallel());
    MemoryPrediction worst = larger(larger(forward, loss), larger(middle, end));
    worst.optimizer += owned.optimizer;
    worst.snapshot = snapshot(owned);
    return worst;
  }

 private:
  struct Stage {
    double staging = 0;
    double exchange = 0;

    double total() const { return staging + exchange; }
  };
  template <class Bytes>
  static Bytes larger(const Bytes& a, const Bytes& b) {
    return a.total() < b.total() ? b : a;
  }
  /// Other copies' gradients of what a rank owns: of at most two buckets.
  static double inboxes(double elements, int copies) {
    constexpr double kInFlight = 2.0 * static_cast<double>(GradientSum::kBucketElements);
    return std::min(elements, kInFlight) * kFloat * (copies - 1);
  }

  /// Weight and moments of what a rank owns, in fp32 whatever the products' precision.
  double snapshot(const Owned& owned) const {
    return run_.snapshots == Snapshots::kInBackground ? 3 * kFloat * (owned.elements + owned_) : 0;
  }

  double kv_width() const { return static_cast<double>(run_.model.kv_width()); }
  double width() const { return static_cast<double>(run_.model.d_model); }
  bool is_low() const { return run_.precision == Precision::kBFloat16; }

  void add_weights(MemoryPrediction& memory) {
    const double element = run_.element_bytes();
    for (const RankHolding* holding : holdings_) {
      experts_ += holding->attention_copies * sizes_.attention_expert +
                  static_cast<double>(holding->ffn_shares.size()) * sizes_.ffn_expert;
      owned_ += (holding->attention_states * sizes_.attention_expert +
                 holding->ffn_states * sizes_.ffn_expert) /
                layout_.data_parallel();
    }
    memory.weights = (sizes_.shared + experts_) * element + sizes_.shared_fp32 * kFloat;
    memory.gradients = (sizes_.shared + experts_ + sizes_.shared_fp32) * kFloat;
    memory.optimizer = owned_ * kFloat * (is_low() ? 3 : 2);
  }

  static LayerHolding kept_of(const RankHolding& rank) {
    const auto copies = static_cast<std::size_t>(rank.attention_copies);
    LayerHolding holding{
        .attention = std::vector<double>(copies, rank.attention / rank.attention_copies),
        .ffn = {}};
    for (const double share : rank.ffn_shares) {
      holding.ffn.push_back({.load = share, .share = 1});
    }
    return holding;
  }

  /// Returns what of it stands only while one layer is recomputed.
  double add_activations(MemoryPrediction& memory) const {
    const RankRows rows{.own = static_cast<std::int64_t>(rows_.own),
                        .group = static_cast<std::int64_t>(rows_.group),
                        .copies = layout_.ranks,
                        .capacity_factor = run_.capacity_factor};
    const double input = rows_.own * width() * kFloat;
    double largest = 0;
    for (const RankHolding* holding : holdings_) {
      const double bytes = layer_activations(run_.model, kept_of(*holding), rows, run_.precision);
      memory.activations += layout_.recompute ? input : bytes;
      largest = std::max(largest, bytes - input);
    }
    memory.activations += norm_activations(rows_.own, run_.model.d_model, run_.precision);
    return layout_.recompute ? largest : 0;
  }

  double loss_bytes() const {
    const std::int64_t rows = logit_rows(run_.device, run_.model.vocabulary, run_.dtype());
    const auto vocabulary = static_cast<double>(run_.model.vocabulary);
    return std::min(rows_.own, static_cast<double>(rows)) * vocabulary * run_.element_bytes();
  }

  /// All experts of a rank multiply their rows side by side: the inputs of all of their second
  /// products stand at once, of the rows that arrived or of its own, beside the layer's sum.
  Stage ffn_forward(const RankHolding& holding) const {
    const double hidden = static_cast<double>(run_.model.ffn_hidden) * run_.element_bytes();
    const double sum = rows_.own * width() * kFloat;
    if (!run_.model.mixture) {
      return {sum + rows_.own * hidden, 0};
    }
    const double arrived = run_.ffn_rows(rows_.group - rows_.own) * holding.ffn_share();
    const double own = run_.ffn_rows(rows_.own) * holding.ffn_share();
    return {sum + std::max(arrived, own) * hidden, arrived * width() * run_.element_bytes()};
  }

  /// A GPU multiplies queries, keys and values of all experts together, and moves them from there.
  Stage attention_forward(const RankHolding& holding) const {
    const double sum = rows_.own * width() * kFloat;
    const double joint = attentions(holding) * (width() + 2 * kv_width());
    return {is_joint() ? sum + rows_.own * joint * run_.element_bytes() : 0, 0};
  }

  /// What the layer's backward makes.
  Stage layer_stage(const RankHolding& holding) const {
    // Gradients of input and norm; in bf16 dy rounded.
    const double rounded = is_low() ? run_.element_bytes() : 0;
    const double gates =
        run_.model.has_attention_experts() ? run_.model.attention_experts() * kFloat : 0;
    const double common = rows_.own * (width() * (2 * kFloat + rounded) + gates);
    const double dispatched = dispatched_bytes(holding);
    const double lent = borrowed_rows(holding) * width() * run_.element_bytes();
    Stage attention{common + attention_staging(holding), dispatched + lent};
    Stage ffn{common + ffn_staging(holding), dispatched + lent + answer_bytes(holding, gates)};
    return larger(attention, ffn);
  }

  /// FFN rows' gradients, sent and arrived.
  double dispatched_bytes(const RankHolding& holding) const {
    if (!run_.model.mixture) {
      return 0;
    }
    const double share = holding.ffn_share();
    const double arrivals = (rows_.group - rows_.own) * share;
    return run_.ffn_rows(rows_.own + arrivals) * width() * run_.element_bytes();
  }

  double borrowed_rows(const RankHolding& holding) const {
    const bool borrows = run_.model.has_attention_experts() && holding.attention_copies > 0;
    return borrows ? rows_.group - rows_.own : 0;
  }

  /// Gradients of borrowed rows on their way back, and of this rank's from every other.
  double answer_bytes(const RankHolding& holding, double gates) const {
    const double row = width() * run_.element_bytes() + gates;
    const double others = run_.model.has_attention_experts() ? layout_.expert_parallel - 1 : 0;
    return (borrowed_rows(holding) + rows_.own * others) * row;
  }

  double ffn_staging(const RankHolding& holding) const {
    const auto hidden = static_cast<double>(run_.model.ffn_hidden);
    const double row = 3 * hidden * run_.element_bytes();
    if (!run_.model.mixture) {
      return rows_.own * row;
    }
    double most = 0;  // rows of the fullest expert, own or arrived
    for (const double share : holding.ffn_shares) {
      most = std::max({most, rows_.own * share, (rows_.group - rows_.own) * share});
    }
    return run_.ffn_rows(most) * row;
  }

  /// Of the experts side by side the gradients of outputs, with weighted outputs and their gradient
  /// (on a GPU of all, with the weights' gradient side by side; else of one at a time), and then of
  /// queries, keys and values, which a GPU takes together once outputs' are gone. Shared keys and
  /// values collect a gradient from each expert, one after the other.
  double attention_staging(const RankHolding& holding) const {
    const double count = attentions(holding);
    if (count == 0) {
      return 0;
    }
    const double element = run_.element_bytes();
    const double attending = count * (2 * width() + 2 * kv_width());
    const double packing = is_joint() ? count * 2 * (width() + 2 * kv_width()) : 0;
    const double most = std::max(attending, packing);
    if (!run_.model.has_attention_experts()) {
      return rows_.own * most * element;
    }
    const AttentionMixture& mixture = *run_.model.mixture->attention;
    const bool is_wide = run_.device == DeviceKind::kCuda && count > 1;
    const double weighing = (count + 2 * (is_wide ? count : 1)) * width();
    const double wide_gradient = is_wide ? count * width() * width() * kFloat : 0;
    const double collected = is_shared() ? 2 * kv_width() * (holding.attention_copies - 1) : 0;
    const double gates = is_sparse() ? mixture.experts * kFloat : 0;
    const double worst =
        std::max(rows_.own * weighing * element + wide_gradient, rows_.own * most * element);
    return worst + rows_.own * (collected * element + gates);
  }

  /// Attention experts that are computed side by side.
  double attentions(const RankHolding& holding) const {
    const int held = run_.model.has_attention_experts() ? holding.attention_copies : 1;
    return is_shared() || is_sparse() ? std::min(held, 1) : held;
  }
  bool is_joint() const { return run_.device == DeviceKind::kCuda && !is_shared() && !is_sparse(); }
  bool is_shared() const {
    return run_.model.has_attention_experts() &&
           run_.model.mixture->attention->key_value == KeyValue::kShared;
  }
  bool is_sparse() const {
    return run_.model.has_attention_experts() &&
           run_.model.mixture->attention->routing == AttentionRouting::kTopK;
  }

  const RunShape& run_;
  const ModelSizes& sizes_;
  const RunLayout& layout_;
  RowCounts rows_;
  std::vector<const RankHolding*> holdings_;  // [layer]
  double experts_ = 0;                        // elements of experts held
  double owned_ = 0;                          // of them, whose state this rank keeps
  MemoryPrediction kept_;                     // at any moment before backward
  Stage forward_, backward_;
  double recomputed_ = 0;  // and while one layer is recomputed
};

}  // namespace

MemoryPrediction predict_memory(const RunShape& run, const ModelSizes& sizes,
                                const RunLayout& layout, const std::vector<LayerHoldings>& layers) {
  const auto group = static_cast<std::size_t>(layout.expert_parallel);
  std::vector<PlaceMemory> places;
  std::vector<std::size_t> like;  // the first place of equal holdings
  for (std::size_t place = 0; place < group; ++place) {
    const auto is_like_last = [&](const LayerHoldings& layer) {
      return layer[place] == layer[place - 1];
    };
    const bool is_known = place > 0 && std::all_of(layers.begin(), layers.end(), is_like_last);
    if (!is_known) {
      places.emplace_back(place, run, sizes, layout, layers);
    }
    like.push_back(places.size() - 1);
  }
  const std::vector<Owned> owned = deal_shared(run, sizes, layout.ranks);
  MemoryPrediction most;
  for (std::size_t rank = 0; rank < owned.size(); ++rank) {
    const bool is_like_last = rank > 0 && owned[rank] == owned[rank - 1] &&
                              like[rank % group] == like[(rank - 1) % group];
    if (is_like_last) {
      continue;
    }
    const MemoryPrediction memory = places[like[rank % group]].predicted(owned[rank]);
    most = memory.total() > most.total() ? memory : most;
  }
  return most;
}

}  // namespace bam
