#include "runtime/routing.h"

#include <vector>

#include "runtime/indices.h"
#include "runtime/kernels.h"

namespace bam {
namespace {

void check_fp32(const Tensor& tensor, const Shape& shape, const char* what) {
  check(tensor.dtype() == DType::kFloat32 && tensor.shape() == shape, what, ": ",
        name_of(tensor.dtype()), " ", text_of(tensor.shape()), " instead of fp32 ", text_of(shape));
}

void check_log_sums(const Tensor& log_sums, std::int64_t rows) {
  check(log_sums.dtype() == DType::kFloat32 && log_sums.elements() == rows, "log sums ",
        text_of(log_sums.shape()), " for ", rows, " rows");
}

void check_gates(const Tensor& probabilities, const Tensor& choices, const Tensor& gates) {
  check(probabilities.rows() == choices.rows() && choices.cols() <= probabilities.cols(),
        "choices ", text_of(choices.shape()), " of ", text_of(probabilities.shape()));
  check_fp32(gates, choices.shape(), "gates");
  check_indices(choices, probabilities.cols(), "chosen expert");
}

void check_combine(const Tensor& answers, const Tensor& row_of_slot, const Tensor& gates,
                   const Tensor& sum) {
  check(answers.dtype() != DType::kInt32, "answers ", text_of(answers.shape()), " of int32");
  check_fp32(gates, row_of_slot.shape(), "gates");
  check_fp32(sum, {row_of_slot.rows(), answers.cols()}, "sum of answers");
  check_indices(row_of_slot, answers.rows(), "row of slot", kNoRow);
}

}  // namespace

void softmax_rows(Stream& stream, const Tensor& logits, const Tensor& probabilities,
                  const Tensor& log_sums) {
  const Traced traced(stream, Activity::kRouting, "softmax_rows");
  check_fp32(probabilities, logits.shape(), "probabilities");
  check_log_sums(log_sums, logits.rows());
  kernels_of(stream).softmax_rows(stream, logits, probabilities, log_sums);
}

void softmax_rows_backward(Stream& stream, const Tensor& probabilities, const Tensor& log_sums,
                           double z_scale, const Tensor& d_probabilities, const Tensor& d_logits) {
  const Traced traced(stream, Activity::kRouting, "softmax_rows_backward");
  check_fp32(d_probabilities, probabilities.shape(), "gradient of probabilities");
  check_fp32(d_logits, probabilities.shape(), "gradient of logits");
  check_log_sums(log_sums, probabilities.rows());
  kernels_of(stream).softmax_rows_backward(stream, probabilities, log_sums, z_scale,
                                           d_probabilities, d_logits);
}

void top_k(Stream& stream, const Tensor& probabilities, const Tensor& choices) {
  const Traced traced(stream, Activity::kRouting, "top_k");
  check(probabilities.rows() == choices.rows() && choices.cols() <= probabilities.cols(),
        "choices ", text_of(choices.shape()), " of ", text_of(probabilities.shape()));
  kernels_of(stream).top_k(stream, probabilities, choices);
}

void chosen_gates(Stream& stream, const Tensor& probabilities, const Tensor& choices, Gates kind,
                  const Tensor& gates) {
  const Traced traced(stream, Activity::kRouting, "chosen_gates");
  check_gates(probabilities, choices, gates);
  kernels_of(stream).chosen_gates(stream, probabilities, choices, kind, gates);
}

void chosen_gates_backward(Stream& stream, const Tensor& probabilities, const Tensor& choices,
                           Gates kind, const Tensor& d_gates, const Tensor& d_probabilities) {
  const Traced traced(stream, Activity::kRouting, "chosen_gates_backward");
  check_gates(probabilities, choices, d_gates);
  check_fp32(d_probabilities, probabilities.shape(), "gradient of probabilities");
  kernels_of(stream).chosen_gates_backward(stream, probabilities, choices, kind, d_gates,
                                           d_probabilities);
}

ExpertOrder order_by_expert(Stream& stream, const Tensor& choices, std::span<const int> experts) {
  const Traced traced(stream, Activity::kRouting, "order_by_expert");
  check_indices(choices, static_cast<std::int64_t>(experts.size()), "chosen expert");
  std::vector<bool> seen(experts.size());
  for (const int expert : experts) {
    const auto i = static_cast<std::size_t>(expert);
    check(0 <= expert && i < experts.size() && !seen[i], "expert ", expert, " in an order of ",
          experts.size(), " experts");
    seen[i] = true;
  }
  return kernels_of(stream).order_by_expert(stream, choices, experts);
}

ExpertOrder padded(Stream& stream, const ExpertOrder& order, std::int64_t capacity) {
  const Traced traced(stream, Activity::kRouting, "padded");
  check(capacity >= 0, "capacity ", capacity);
  return kernels_of(stream).padded(stream, order, capacity);
}

void gather_rows(Stream& stream, const Tensor& in, const Tensor& rows, const Tensor& out) {
  const Traced traced(stream, Activity::kRouting, "gather_rows");
  check(in.dtype() == out.dtype() && in.cols() == out.cols() && rows.elements() == out.rows(),
        "gathering ", rows.elements(), " rows of ", name_of(in.dtype()), " ", text_of(in.shape()),
        " into ", name_of(out.dtype()), " ", text_of(out.shape()));
  check_indices(rows, in.rows(), "row to gather", kNoRow);
  kernels_of(stream).gather_rows(stream, in, rows, out);
}

void scatter_add_rows(Stream& stream, const Tensor& in, const Tensor& rows, const Tensor& sum) {
  const Traced traced(stream, Activity::kRouting, "scatter_add_rows");
  check(in.dtype() != DType::kInt32 && sum.dtype() == DType::kFloat32 && in.cols() == sum.cols() &&
            rows.elements() == in.rows(),
        "adding ", rows.elements(), " rows of ", name_of(in.dtype()), " ", text_of(in.shape()),
        " to ", name_of(sum.dtype()), " ", text_of(sum.shape()));
  check_indices(rows, sum.rows(), "row to add to");
  kernels_of(stream).scatter_add_rows(stream, in, rows, sum);
}

void combine_rows(Stream& stream, const Tensor& answers, const Tensor& row_of_slot,
                  const Tensor& gates, const Tensor& sum) {
  const Traced traced(stream, Activity::kRouting, "combine_rows");
  check_combine(answers, row_of_slot, gates, sum);
  kernels_of(stream).combine_rows(stream, answers, row_of_slot, gates, sum);
}

void combine_rows_backward(Stream& stream, const Tensor& answers, const Tensor& row_of_slot,
                           const Tensor& gates, const Tensor& d_sum, const Tensor& d_answers,
                           const Tensor& d_gates) {
  const Traced traced(stream, Activity::kRouting, "combine_rows_backward");
  check_combine(answers, row_of_slot, gates, d_sum);
  check(d_answers.dtype() == answers.dtype() && d_answers.shape() == answers.shape(),
        "gradient of answers ", text_of(d_answers.shape()), " for ", text_of(answers.shape()));
  check_fp32(d_gates, gates.shape(), "gradient of gates");
  kernels_of(stream).combine_rows_backward(stream, answers, row_of_slot, gates, d_sum, d_answers,
                                           d_gates);
}

void routing_numbers(Stream& stream, const Tensor& probabilities, const Tensor& log_sums,
                     const Tensor& choices, std::int64_t pairs, const Tensor& numbers) {
  const Traced traced(stream, Activity::kRouting, "routing_sums");
  const std::int64_t experts = probabilities.cols();
  check(pairs == 0 || pairs == experts * (experts - 1) / 2, pairs, " pairs of ", experts,
        " experts");
  check(numbers.dtype() == DType::kInt32 &&
            numbers.cols() == 2 * routing_number_count(experts, pairs) &&
            (numbers.rows() == 0 ? probabilities.rows() == 0
                                 : probabilities.rows() % numbers.rows() == 0),
        "routing of ", probabilities.rows(), " tokens to ", experts, " experts into ",
        text_of(numbers.shape()));
  check_log_sums(log_sums, probabilities.rows());
  check(choices.empty() || choices.rows() == probabilities.rows(), "routing of ",
        probabilities.rows(), " tokens with choices ", text_of(choices.shape()));
  if (numbers.empty()) {
    return;
  }
  if (!choices.empty()) {
    check_indices(choices, experts, "chosen expert");
  }
  kernels_of(stream).routing_numbers(stream, probabilities, log_sums, choices, pairs, numbers);
}

}  // namespace bam
