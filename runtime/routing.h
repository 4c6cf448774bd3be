#pragma once

#include <span>
#include <vector>

#include "runtime/tensor.h"

namespace bam {

/// probabilities = softmax of each row, and log_sums[i] = logsumexp(logits[i]).
/// logits, probabilities (n, experts) fp32 (may be one tensor); log_sums (n) fp32.
void softmax_rows(Stream& stream, const Tensor& logits, const Tensor& probabilities,
                  const Tensor& log_sums);

/// d_logits = p * (dp - <dp, p>) + z_scale * 2 * log_sum * p, row by row: softmax backward, and the
/// gradient of z_scale * sum_i log_sum_i^2. All fp32; d_logits may be d_probabilities.
void softmax_rows_backward(Stream& stream, const Tensor& probabilities, const Tensor& log_sums,
                           double z_scale, const Tensor& d_probabilities, const Tensor& d_logits);

/// The k largest of each row, largest first; of equal ones the lower expert.
/// probabilities (n, experts) fp32; choices (n, k) int32.
void top_k(Stream& stream, const Tensor& probabilities, const Tensor& choices);

enum class Gates { kAsTheyAre, kRenormalised };

/// gates[i, s] = probabilities[i, choices[i, s]], divided by the row's chosen sum if renormalised.
/// gates (n, k) fp32.
void chosen_gates(Stream& stream, const Tensor& probabilities, const Tensor& choices, Gates kind,
                  const Tensor& gates);

/// d_probabilities (n, experts) fp32 = gradient of chosen_gates, 0 for experts not chosen.
void chosen_gates_backward(Stream& stream, const Tensor& probabilities, const Tensor& choices,
                           Gates kind, const Tensor& d_gates, const Tensor& d_probabilities);

/// In place of a row: there is none.
inline constexpr std::int32_t kNoRow = -1;

/// Chosen (token, choice) slots ordered by expert.
struct ExpertOrder {
  Tensor token_of_row;  // (n * k) int32: the token each row is of; ascending within an expert
  Tensor row_of_slot;   // (n, k) int32: where slot (token, choice) went
  Tensor counts;        // (experts) int32: slots of each expert, in the order asked for
};

/// Orders the slots by expert: first those of experts[0], then of experts[1], ... `experts` is a
/// permutation of all experts. choices (n, k) int32. Nothing waits: the host may read the counts.
ExpertOrder order_by_expert(Stream& stream, const Tensor& choices, std::span<const int> experts);

/// The same order with `capacity` rows for every expert, whatever chose it: its slots, then rows of
/// no token (kNoRow). Slots beyond the capacity have no row; the counts say so, being as they were.
ExpertOrder padded(Stream& stream, const ExpertOrder& order, std::int64_t capacity);

/// out[i] = in[rows[i]], 0 where that is kNoRow. rows (m) int32; in (n, d), out (m, d): one dtype.
void gather_rows(Stream& stream, const Tensor& in, const Tensor& rows, const Tensor& out);
/// sum[rows[i]] += in[i]. in (m, d) fp32 or bf16; sum (n, d) fp32; each row at most once.
void scatter_add_rows(Stream& stream, const Tensor& in, const Tensor& rows, const Tensor& sum);

/// sum[i] += sum over s of gates[i, s] * answers[row_of_slot[i, s]], slots without a row left out.
/// answers (m, d) fp32 or bf16; row_of_slot (n, k) int32; gates (n, k) fp32; sum (n, d) fp32.
void combine_rows(Stream& stream, const Tensor& answers, const Tensor& row_of_slot,
                  const Tensor& gates, const Tensor& sum);

/// Gradient of combine_rows: d_answers[row_of_slot[i, s]] = gates[i, s] * d_sum[i] (answers' dtype)
/// and d_gates[i, s] = <d_sum[i], answers[row_of_slot[i, s]]>, 0 for slots without a row. d_sum (n,
/// d) fp32. Rows of no slot keep what they held.
void combine_rows_backward(Stream& stream, const Tensor& answers, const Tensor& row_of_slot,
                           const Tensor& gates, const Tensor& d_sum, const Tensor& d_answers,
                           const Tensor& d_gates);

/// What routing did over some tokens.
struct RoutingSums {
  std::vector<double> chosen;  // slots given to each expert
  std::vector<double> gates;   // sum of each expert's full-softmax gate
  double entropy = 0;          // sum of the gates' entropies, nats
  double squared_log_sum = 0;  // sum of log_sum^2 (z-loss)
  double tokens = 0;
  // Tokens that two experts i < j were both chosen for, in the order (0, 1), (0, 2), .., (1, 2),
  // ..; empty where it is not counted.
  std::vector<double> pairs = {};
};

/// How many numbers routing_numbers writes of a span of tokens, of `pairs` pairs of experts.
inline std::int64_t routing_number_count(std::int64_t experts, std::int64_t pairs) {
  return 2 * experts + 2 + pairs;
}

/// Sums over each span of n / spans tokens; RoutingTally (runtime/routing_tally.h) reads them.
/// choices (n, k) int32 may be empty (soft routing: chosen stays 0). numbers (spans, 2 *
/// routing_number_count) int32: doubles, as two words each, in RoutingSums' order without tokens.
/// `pairs`: of all experts, or 0, which leaves them out.
void routing_numbers(Stream& stream, const Tensor& probabilities, const Tensor& log_sums,
                     const Tensor& choices, std::int64_t pairs, const Tensor& numbers);

/// Place of the pair of experts i < j in RoutingSums::pairs.
inline std::size_t pair_index(std::int64_t i, std::int64_t j, std::int64_t experts) {
  return static_cast<std::size_t>(i * (2 * experts - i - 1) / 2 + j - i - 1);
}

}  // namespace bam
