#pragma once

#include <optional>
#include <vector>

#include "model/attention_expert.h"

namespace bam {

/// What backward needs of one rank's attention experts over a part of n rows.
struct AttentionSliceSaved {
  struct OfExpert {
    AttentionSaved attention;
    KeysValues kv;     // empty where keys and values are shared
    Tensor row_gates;  // (m, experts): gates of the queries' rows; empty without a router
  };

  Tensor h;             // (n, d_model)
  Tensor gates;         // (n, experts) fp32, 0: not used; empty where there is one attention
  KeysValues shared_kv;
  std::vector<OfExpert> experts;  // of each of the part's experts
};

/// The attention experts that one rank holds (or a dense model's only attention):
/// sum over them of g_j MHA_j(h) (paper, section 3).
class AttentionExperts {
 public:
  AttentionExperts(const ModelConfig& config, const ParameterStore& store, int layer,
                   std::vector<int> held);

  /// sum (n, d_model) fp32 += the part's experts' gated outputs; saved.h and saved.gates are given.
  /// With a cache, the rows' keys and values join those of the rows before them.
  void forward(Stream& stream, const AttentionPart& part, const Tensor& rope_table,
               AttentionSliceSaved& saved, const Tensor& sum, LayerCache* cache = nullptr) const;

  /// From dy (n, d_model) of h's dtype: dh (n, d_model) fp32 += ..., d_gates (n, experts) fp32 +=
  /// the part's experts' columns (empty where there is no gate), and their weight gradients.
  void backward(Stream& stream, const AttentionPart& part, const Tensor& rope_table,
                const AttentionSliceSaved& saved, const Tensor& dy, const Tensor& dh,
                const Tensor& d_gates) const;

 private:
  KeysValues keys_values(Stream& stream, const SequenceRows& sequences, const Tensor& rope_table,
                         const KeyValueProjection& projection, const Tensor& h, LayerCache* cache,
                         std::size_t entry) const;
  std::vector<Tensor> rows_of_each(Stream& stream, const AttentionPart& part,
                                   const Tensor& gates) const;
  void select_queries(Stream& stream, const SequenceRows& sequences, const Tensor& rows,
                      const AttentionSliceSaved& saved, AttentionSliceSaved::OfExpert& own) const;
  Tensor weighted_output(Stream& stream, const AttentionSliceSaved::OfExpert& own,
                         int expert) const;
  void shared_backward(Stream& stream, const SequenceRows& sequences, const Tensor& rope_table,
                       const AttentionSliceSaved& saved, const std::vector<KeysValues>& gradients,
                       const Tensor& dh) const;

  std::size_t place_of(int expert) const;

  bool sparse_ = false;
  std::vector<int> held_;                           // ascending
  std::vector<AttentionExpert> experts_;            // as held_
  std::vector<KeyValueProjection> own_kv_;          // one an expert, or
  std::optional<KeyValueProjection> shared_kv_;     // one for all
};

}  // namespace bam
