#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "runtime/cpu/kernels.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/vector_math.h"
#include "runtime/dispatch.h"

namespace bam::cpu {
namespace {

// Tokens whose routing is one partial sum: fixed, so that the total's bits are.
constexpr std::int64_t kSumTokens = 256;

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

RoutingSums sums_of(const Tensor& probabilities, const Tensor& log_sums, const Tensor& choices,
                    std::int64_t begin, std::int64_t end) {
  const std::int64_t experts = probabilities.cols();
  RoutingSums sums{.chosen = std::vector<double>(index(experts)),
                   .gates = std::vector<double>(index(experts)),
                   .tokens = static_cast<double>(end - begin)};
  for (std::int64_t token = begin; token < end; ++token) {
    const float* p = probabilities.data<float>() + token * experts;
    const double log_sum = log_sums.data<float>()[token];
    sums.squared_log_sum += log_sum * log_sum;
    for (std::int64_t expert = 0; expert < experts; ++expert) {
      sums.gates[index(expert)] += static_cast<double>(p[expert]);
      sums.entropy -= p[expert] > 0 ? static_cast<double>(p[expert] * std::log(p[expert])) : 0.0;
    }
  }
  const std::int64_t k = choices.empty() ? 0 : choices.cols();
  for (std::int64_t slot = begin * k; slot < end * k; ++slot) {
    sums.chosen[index(choices.data<std::int32_t>()[slot])] += 1;
  }
  return sums;
}

void accumulate(const RoutingSums& part, RoutingSums& total) {
  for (std::size_t expert = 0; expert < total.gates.size(); ++expert) {
    total.chosen[expert] += part.chosen[expert];
    total.gates[expert] += part.gates[expert];
  }
  total.entropy += part.entropy;
  total.squared_log_sum += part.squared_log_sum;
  total.tokens += part.tokens;
}

RoutingSums sums_of_span(Stream& stream, const Tensor& probabilities, const Tensor& log_sums,
                         const Tensor& choices, std::int64_t begin, std::int64_t end) {
  const std::int64_t parts = (end - begin + kSumTokens - 1) / kSumTokens;
  std::vector<RoutingSums> partial(index(parts));
  const double operations = 64.0 * static_cast<double>(kSumTokens * probabilities.cols());
  for_tasks(stream, parts, operations, [&](std::int64_t part) {
    const std::int64_t first = begin + part * kSumTokens;
    partial[index(part)] =
        sums_of(probabilities, log_sums, choices, first, std::min(end, first + kSumTokens));
  });
  RoutingSums total = sums_of(probabilities, log_sums, choices, begin, begin);
  for (const RoutingSums& part : partial) {
    accumulate(part, total);
  }
  return total;
}

void count_pairs(const Tensor& choices, std::int64_t experts, std::int64_t begin, std::int64_t end,
                 double* pairs) {
  const std::int64_t k = choices.empty() ? 0 : choices.cols();
  const std::int32_t* chosen = choices.empty() ? nullptr : choices.data<std::int32_t>();
  for (std::int64_t slot = begin * k; slot < end * k; ++slot) {
    for (std::int64_t other = slot + 1; other < (slot / k + 1) * k; ++other) {
      const auto [low, high] = std::minmax(chosen[slot], chosen[other]);
      pairs[pair_index(low, high, experts)] += 1;
    }
  }
}

}  // namespace

ExpertOrder order_by_expert(Stream& stream, const Tensor& choices, std::span<const int> experts) {
  const std::int64_t k = choices.cols();
  const std::span<const std::int32_t> chosen = choices.span<std::int32_t>();
  ExpertOrder order{Tensor(stream, {choices.elements()}, DType::kInt32),
                    Tensor(stream, choices.shape(), DType::kInt32),
                    Tensor(stream, {std::ssize(experts)}, DType::kInt32)};
  std::vector<std::int64_t> counts(experts.size());  // by expert
  for (const std::int32_t expert : chosen) {
    ++counts[index(expert)];
  }
  std::vector<std::int64_t> next(experts.size());  // row that an expert's next slot gets
  std::int64_t row = 0;
  for (std::size_t i = 0; i < experts.size(); ++i) {
    const std::int64_t count = counts[index(experts[i])];
    order.counts.data<std::int32_t>()[i] = static_cast<std::int32_t>(count);
    next[index(experts[i])] = row;
    row += count;
  }
  for (std::size_t slot = 0; slot < chosen.size(); ++slot) {
    const std::int64_t place = next[index(chosen[slot])]++;
    order.row_of_slot.data<std::int32_t>()[slot] = static_cast<std::int32_t>(place);
    order.token_of_row.data<std::int32_t>()[place] =
        static_cast<std::int32_t>(static_cast<std::int64_t>(slot) / k);
  }
  return order;
}

ExpertOrder padded(Stream& stream, const ExpertOrder& order, std::int64_t capacity) {
  const std::span<const std::int32_t> counts = order.counts.span<std::int32_t>();
  ExpertOrder out{Tensor(stream, {std::ssize(counts) * capacity}, DType::kInt32),
                  Tensor(stream, order.row_of_slot.shape(), DType::kInt32), order.counts};
  std::vector<std::int32_t> padded_row;  // of each row of `order`
  std::ranges::fill(out.token_of_row.span<std::int32_t>(), kNoRow);
  for (std::size_t expert = 0; expert < counts.size(); ++expert) {
    for (std::int32_t i = 0; i < counts[expert]; ++i) {
      const std::int64_t row = static_cast<std::int64_t>(expert) * capacity + i;
      if (i < capacity) {
        out.token_of_row.data<std::int32_t>()[row] =
            order.token_of_row.data<std::int32_t>()[padded_row.size()];
      }
      padded_row.push_back(i < capacity ? static_cast<std::int32_t>(row) : kNoRow);
    }
  }
  std::ranges::transform(order.row_of_slot.span<std::int32_t>(),
                         out.row_of_slot.data<std::int32_t>(),
                         [&](std::int32_t row) { return padded_row[index(row)]; });
  return out;
}

void gather_rows(Stream& stream, const Tensor& in, const Tensor& rows, const Tensor& out) {
  const auto row_bytes = static_cast<std::int64_t>(bytes_of(in.dtype())) * in.cols();
  const std::int32_t* row_of = rows.data<std::int32_t>();
  for_chunks(stream, out.rows(), row_bytes * 2, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      if (row_of[row] == kNoRow) {
        std::memset(out.raw() + row * row_bytes, 0, index(row_bytes));
      } else {
        std::memcpy(out.raw() + row * row_bytes, in.raw() + row_of[row] * row_bytes,
                    index(row_bytes));
      }
    }
  });
}

void scatter_add_rows(Stream& stream, const Tensor& in, const Tensor& rows, const Tensor& sum) {
  const std::int64_t d = in.cols();
  const std::int32_t* row_of = rows.data<std::int32_t>();
  with_float_type(in.dtype(), [&]<class T>(T) {
    for_chunks(stream, in.rows(), d * 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        add_scaled(1.0F, in.data<T>() + row * d, sum.data<float>() + row_of[row] * d, d);
      }
    });
  });
}

void combine_rows(Stream& stream, const Tensor& answers, const Tensor& row_of_slot,
                  const Tensor& gates, const Tensor& sum) {
  const std::int64_t d = answers.cols();
  const std::int64_t k = row_of_slot.cols();
  with_float_type(answers.dtype(), [&]<class T>(T) {
    for_chunks(stream, sum.rows(), d * (4 + 4 * k), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t slot = begin * k; slot < end * k; ++slot) {
        const std::int64_t row = row_of_slot.data<std::int32_t>()[slot];
        if (row == kNoRow) {
          continue;
        }
        add_scaled(gates.data<float>()[slot], answers.data<T>() + row * d,
                   sum.data<float>() + slot / k * d, d);
      }
    });
  });
}

void combine_rows_backward(Stream& stream, const Tensor& answers, const Tensor& row_of_slot,
                           const Tensor& gates, const Tensor& d_sum, const Tensor& d_answers,
                           const Tensor& d_gates) {
  const std::int64_t d = answers.cols();
  const std::int64_t k = row_of_slot.cols();
  with_float_type(answers.dtype(), [&]<class T>(T) {
    for_chunks(stream, d_sum.rows(), d * (4 + 8 * k), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t slot = begin * k; slot < end * k; ++slot) {
        const std::int64_t row = row_of_slot.data<std::int32_t>()[slot];
        if (row == kNoRow) {
          d_gates.data<float>()[slot] = 0;
          continue;
        }
        const float* from = d_sum.data<float>() + slot / k * d;
        const float gate = gates.data<float>()[slot];
        T* to = d_answers.data<T>() + row * d;
        d_gates.data<float>()[slot] = dot(from, answers.data<T>() + row * d, d);
        scale_to(gate, from, to, d);
      }
    });
  });
}

void routing_numbers(Stream& stream, const Tensor& probabilities, const Tensor& log_sums,
                     const Tensor& choices, std::int64_t pairs, const Tensor& numbers) {
  const std::int64_t length = probabilities.rows() / numbers.rows();
  auto* to = reinterpret_cast<double*>(numbers.raw());
  for (std::int64_t span = 0; span < numbers.rows(); ++span) {
    const RoutingSums sums =
        sums_of_span(stream, probabilities, log_sums, choices, span * length, (span + 1) * length);
    to = std::ranges::copy(sums.chosen, to).out;
    to = std::ranges::copy(sums.gates, to).out;
    *to++ = sums.entropy;
    *to++ = sums.squared_log_sum;
    std::fill_n(to, pairs, 0.0);
    if (pairs > 0) {
      count_pairs(choices, probabilities.cols(), span * length, (span + 1) * length, to);
      to += pairs;
    }
  }
}

}  // namespace bam::cpu
