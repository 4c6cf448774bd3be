#pragma once

#include <vector>

#include "model/attention_expert.h"
#include "model/expert_outputs.h"
#include "model/expert_runs.h"

namespace bam {

/// What backward needs of one rank's attention experts over a part of n rows.
struct AttentionSliceSaved {
  struct OfRun {
    ExpertRun run;
    AttentionSaved attention;
    KeysValues kv;     // empty where keys and values are shared
    Tensor row_gates;  // (m, experts): gates of the queries' rows; empty without a router
  };

  Tensor h;      // (n, d_model)
  Tensor gates;  // (n, experts) fp32, 0: not used; empty where there is one attention
  KeysValues shared_kv;
  std::vector<OfRun> runs;  // of the part's experts
};

/// The attention experts that one rank holds (or a dense model's only attention):
/// sum over them of g_j MHA_j(h) (paper, section 3). Under soft routing every expert sees the same
/// rows: with keys and values of their own, those whose weights follow each other are computed as
/// one attention with as many times the heads. Others are computed one by one.
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
  using Weights = std::vector<const Parameter*>;

  std::vector<ExpertRun> runs_of_part(const Stream& stream, const AttentionPart& part) const;
  KeyValueProjection own_kv(const ExpertRun& run) const;
  KeyValueProjection shared_kv() const;
  QueryProjection queries(const ExpertRun& run) const;
  bool is_joint(const Stream& stream, const ExpertRun& run) const;
  JointProjection joint() const;
  void project_inputs(Stream& stream, const SequenceRows& sequences, const Tensor& rope_table,
                      const Tensor& h, LayerCache* cache, AttentionSliceSaved::OfRun& own) const;
  void project_inputs_backward(Stream& stream, const SequenceRows& sequences,
                               const Tensor& rope_table, const Tensor& h,
                               const AttentionSliceSaved::OfRun& own, const Tensor& dq,
                               const KeysValues& gradient, const Tensor& dh,
                               const Tensor& dx) const;
  KeysValues keys_values(Stream& stream, const SequenceRows& sequences, const Tensor& rope_table,
                         const KeyValueProjection& projection, const Tensor& h, LayerCache* cache,
                         std::size_t entry) const;
  std::vector<Tensor> rows_of_each(Stream& stream, const AttentionPart& part,
                                   const Tensor& gates) const;
  void select_queries(Stream& stream, const SequenceRows& sequences, const Tensor& rows,
                      const AttentionSliceSaved& saved, AttentionSliceSaved::OfRun& own) const;
  Tensor outputs_backward(Stream& stream, const AttentionSliceSaved::OfRun& own, const Tensor& dy,
                          const Tensor& d_gates) const;
  void shared_backward(Stream& stream, const SequenceRows& sequences, const Tensor& rope_table,
                       const AttentionSliceSaved& saved, const std::vector<KeysValues>& gradients,
                       const Tensor& dh) const;

  bool sparse_ = false;
  bool shared_ = false;    // keys and values
  std::vector<int> held_;  // ascending
  Weights q_;              // as held_
  Weights k_;              // as held_, or one where shared
  Weights v_;
  ExpertOutputs outputs_{{}};
};

}  // namespace bam
