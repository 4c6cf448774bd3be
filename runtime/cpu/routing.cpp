#include "runtime/routing.h"

#include <cmath>
#include <cstring>

#include "runtime/cpu/rows.h"

namespace bam {
namespace {

using cpu::for_each_row;
using cpu::with_float_type;

void check_rows(const Tensor& a, const Tensor& b, const char* what) {
  check(a.rows() == b.rows(), what, ": ", text_of(a.shape()), " and ", text_of(b.shape()));
}

}  // namespace

void softmax_rows(Stream& /*stream*/, const Tensor& logits, const Tensor& probabilities,
                  const Tensor& log_sums) {
  check(logits.shape() == probabilities.shape() && log_sums.elements() == logits.rows(),
        "softmax of ", text_of(logits.shape()), " into ", text_of(probabilities.shape()), " and ",
        text_of(log_sums.shape()));
  const std::int64_t n = logits.cols();
  const float* in = logits.data<float>();
  float* out = probabilities.data<float>();
  float* sums = log_sums.data<float>();
  for_each_row(logits.rows(), [&](std::int64_t i) {
    const float* row = in + i * n;
    const float largest = *std::max_element(row, row + n);
    float sum = 0;
    for (std::int64_t j = 0; j < n; ++j) {
      out[i * n + j] = std::exp(row[j] - largest);
      sum += out[i * n + j];
    }
    for (std::int64_t j = 0; j < n; ++j) {
      out[i * n + j] /= sum;
    }
    sums[i] = largest + std::log(sum);
  });
}

void softmax_rows_backward(Stream& /*stream*/, const Tensor& probabilities, const Tensor& log_sums,
                           double z_scale, const Tensor& d_probabilities, const Tensor& d_logits) {
  check(probabilities.shape() == d_probabilities.shape() &&
            probabilities.shape() == d_logits.shape() &&
            log_sums.elements() == probabilities.rows(),
        "softmax backward of ", text_of(probabilities.shape()), ", ",
        text_of(d_probabilities.shape()), ", ", text_of(d_logits.shape()));
  const std::int64_t n = probabilities.cols();
  const float* p = probabilities.data<float>();
  const float* dp = d_probabilities.data<float>();
  const float* sums = log_sums.data<float>();
  float* out = d_logits.data<float>();
  for_each_row(probabilities.rows(), [&](std::int64_t i) {
    float dot = 0;
    for (std::int64_t j = i * n; j < (i + 1) * n; ++j) {
      dot += p[j] * dp[j];
    }
    const auto z = static_cast<float>(2 * z_scale * sums[i]);
    for (std::int64_t j = i * n; j < (i + 1) * n; ++j) {
      out[j] = p[j] * (dp[j] - dot + z);
    }
  });
}

void top_k(Stream& /*stream*/, const Tensor& probabilities, const Tensor& choices) {
  const std::int64_t n = probabilities.cols();
  const std::int64_t k = choices.cols();
  check_rows(probabilities, choices, "top-k");
  check(k <= n, "top ", k, " of ", n, " experts");
  const float* p = probabilities.data<float>();
  std::int32_t* out = choices.data<std::int32_t>();
  for_each_row(probabilities.rows(), [&](std::int64_t i) {
    const float* row = p + i * n;
    std::int32_t* chosen = out + i * k;
    for (std::int64_t s = 0; s < k; ++s) {
      std::int32_t best = -1;
      for (std::int32_t e = 0; e < n; ++e) {
        const bool taken = std::find(chosen, chosen + s, e) != chosen + s;
        if (!taken && (best < 0 || row[e] > row[best])) {
          best = e;
        }
      }
      chosen[s] = best;
    }
  });
}

void chosen_gates(Stream& /*stream*/, const Tensor& probabilities, const Tensor& choices, Gates kind,
                  const Tensor& gates) {
  check(gates.shape() == choices.shape(), "gates ", text_of(gates.shape()), " of choices ",
        text_of(choices.shape()));
  check_rows(probabilities, choices, "chosen gates");
  const std::int64_t n = probabilities.cols();
  const std::int64_t k = choices.cols();
  const float* p = probabilities.data<float>();
  const std::int32_t* chosen = choices.data<std::int32_t>();
  float* out = gates.data<float>();
  for_each_row(choices.rows(), [&](std::int64_t i) {
    float sum = 0;
    for (std::int64_t s = i * k; s < (i + 1) * k; ++s) {
      out[s] = p[i * n + chosen[s]];
      sum += out[s];
    }
    for (std::int64_t s = i * k; kind == Gates::kRenormalised && s < (i + 1) * k; ++s) {
      out[s] /= sum;
    }
  });
}

void chosen_gates_backward(Stream& /*stream*/, const Tensor& probabilities, const Tensor& choices,
                           Gates kind, const Tensor& d_gates, const Tensor& d_probabilities) {
  check(d_gates.shape() == choices.shape() && d_probabilities.shape() == probabilities.shape(),
        "gates' gradient ", text_of(d_gates.shape()), " of choices ", text_of(choices.shape()));
  const std::int64_t n = probabilities.cols();
  const std::int64_t k = choices.cols();
  const float* p = probabilities.data<float>();
  const std::int32_t* chosen = choices.data<std::int32_t>();
  const float* dg = d_gates.data<float>();
  float* dp = d_probabilities.data<float>();
  for_each_row(choices.rows(), [&](std::int64_t i) {
    std::fill_n(dp + i * n, n, 0.0F);
    float sum = 1;
    float dot = 0;
    if (kind == Gates::kRenormalised) {
      sum = 0;
      for (std::int64_t s = i * k; s < (i + 1) * k; ++s) {
        sum += p[i * n + chosen[s]];
        dot += dg[s] * p[i * n + chosen[s]];
      }
      dot /= sum;
    }
    for (std::int64_t s = i * k; s < (i + 1) * k; ++s) {
      dp[i * n + chosen[s]] = (dg[s] - dot) / sum;
    }
  });
}

ExpertOrder order_by_expert(Stream& stream, const Tensor& choices, std::span<const int> experts) {
  const std::int64_t slots = choices.elements();
  ExpertOrder order{.token_of_row = Tensor(stream, {slots}, DType::kInt32),
                    .row_of_slot = Tensor(stream, choices.shape(), DType::kInt32),
                    .counts = std::vector<std::int64_t>(experts.size())};
  std::vector<std::size_t> place(experts.size());
  for (std::size_t i = 0; i < experts.size(); ++i) {
    place.at(static_cast<std::size_t>(experts[i])) = i;
  }
  const auto chosen = choices.span<std::int32_t>();
  for (const std::int32_t expert : chosen) {
    ++order.counts[place[static_cast<std::size_t>(expert)]];
  }
  std::vector<std::int64_t> next(experts.size());
  for (std::size_t i = 1; i < experts.size(); ++i) {
    next[i] = next[i - 1] + order.counts[i - 1];
  }
  const auto token = order.token_of_row.span<std::int32_t>();
  const auto row = order.row_of_slot.span<std::int32_t>();
  for (std::int64_t slot = 0; slot < slots; ++slot) {
    const std::int64_t to = next[place[static_cast<std::size_t>(chosen[slot])]]++;
    token[to] = static_cast<std::int32_t>(slot / choices.cols());
    row[slot] = static_cast<std::int32_t>(to);
  }
  return order;
}

void gather_rows(Stream& /*stream*/, const Tensor& in, const Tensor& rows, const Tensor& out) {
  check(out.rows() == rows.elements() && out.cols() == in.cols() && in.dtype() == out.dtype(),
        "rows ", text_of(rows.shape()), " of ", text_of(in.shape()), " into ",
        text_of(out.shape()));
  const auto bytes = static_cast<std::size_t>(in.cols()) * bytes_of(in.dtype());
  const std::int32_t* from = rows.data<std::int32_t>();
  for_each_row(out.rows(), [&](std::int64_t i) {
    std::memcpy(out.raw() + static_cast<std::size_t>(i) * bytes,
                in.raw() + static_cast<std::size_t>(from[i]) * bytes, bytes);
  });
}

void scatter_add_rows(Stream& /*stream*/, const Tensor& in, const Tensor& rows, const Tensor& sum) {
  check(in.rows() == rows.elements() && in.cols() == sum.cols(), "rows ", text_of(in.shape()),
        " at ", text_of(rows.shape()), " into ", text_of(sum.shape()));
  with_float_type(in.dtype(), [&](auto type) {
    const std::int64_t d = in.cols();
    const auto* source = in.data<decltype(type)>();
    const std::int32_t* to = rows.data<std::int32_t>();
    float* out = sum.data<float>();
    for_each_row(in.rows(), [&](std::int64_t i) {
      for (std::int64_t j = 0; j < d; ++j) {
        out[to[i] * d + j] += static_cast<float>(source[i * d + j]);
      }
    });
  });
}

void combine_rows(Stream& /*stream*/, const Tensor& answers, const Tensor& row_of_slot,
                  const Tensor& gates, const Tensor& sum) {
  check(gates.shape() == row_of_slot.shape() && sum.rows() == gates.rows() &&
            answers.rows() == gates.elements() && answers.cols() == sum.cols(),
        "answers ", text_of(answers.shape()), " with gates ", text_of(gates.shape()), " into ",
        text_of(sum.shape()));
  with_float_type(answers.dtype(), [&](auto type) {
    const std::int64_t d = sum.cols();
    const std::int64_t k = gates.cols();
    const auto* in = answers.data<decltype(type)>();
    const std::int32_t* row = row_of_slot.data<std::int32_t>();
    const float* gate = gates.data<float>();
    float* out = sum.data<float>();
    for_each_row(sum.rows(), [&](std::int64_t i) {
      for (std::int64_t s = i * k; s < (i + 1) * k; ++s) {
        const auto* answer = in + row[s] * d;
        for (std::int64_t j = 0; j < d; ++j) {
          out[i * d + j] += gate[s] * static_cast<float>(answer[j]);
        }
      }
    });
  });
}

void combine_rows_backward(Stream& /*stream*/, const Tensor& answers, const Tensor& row_of_slot,
                           const Tensor& gates, const Tensor& d_sum, const Tensor& d_answers,
                           const Tensor& d_gates) {
  check(answers.shape() == d_answers.shape() && answers.dtype() == d_answers.dtype() &&
            gates.shape() == d_gates.shape() && answers.rows() == gates.elements() &&
            d_sum.rows() == gates.rows() && d_sum.cols() == answers.cols(),
        "gradient of answers ", text_of(answers.shape()), " with gates ", text_of(gates.shape()),
        " from ", text_of(d_sum.shape()));
  with_float_type(answers.dtype(), [&](auto type) {
    using T = decltype(type);
    const std::int64_t d = d_sum.cols();
    const std::int64_t k = gates.cols();
    const T* in = answers.data<T>();
    const std::int32_t* row = row_of_slot.data<std::int32_t>();
    const float* gate = gates.data<float>();
    const float* gradient = d_sum.data<float>();
    T* d_in = d_answers.data<T>();
    float* d_gate = d_gates.data<float>();
    for_each_row(d_sum.rows(), [&](std::int64_t i) {
      const float* dy = gradient + i * d;
      for (std::int64_t s = i * k; s < (i + 1) * k; ++s) {
        const T* answer = in + row[s] * d;
        T* d_answer = d_in + row[s] * d;
        float dot = 0;
#pragma omp simd reduction(+ : dot)
        for (std::int64_t j = 0; j < d; ++j) {
          dot += dy[j] * static_cast<float>(answer[j]);
          d_answer[j] = T(gate[s] * dy[j]);
        }
        d_gate[s] = dot;
      }
    });
  });
}

RoutingSums routing_sums(Stream& /*stream*/, const Tensor& probabilities, const Tensor& log_sums,
                         const Tensor& choices, std::int64_t begin, std::int64_t end) {
  const std::int64_t n = probabilities.cols();
  RoutingSums sums;
  sums.chosen.resize(static_cast<std::size_t>(n));
  sums.gates.resize(static_cast<std::size_t>(n));
  sums.tokens = static_cast<double>(end - begin);
  const float* p = probabilities.data<float>();
  const float* log_sum = log_sums.data<float>();
  for (std::int64_t i = begin; i < end; ++i) {
    sums.squared_log_sum += static_cast<double>(log_sum[i]) * log_sum[i];
    for (std::int64_t e = 0; e < n; ++e) {
      const float gate = p[i * n + e];
      sums.gates[static_cast<std::size_t>(e)] += gate;
      sums.entropy -= gate > 0 ? gate * std::log(gate) : 0.0F;
    }
  }
  if (!choices.shape().empty()) {
    const std::int64_t k = choices.cols();
    const std::int32_t* chosen = choices.data<std::int32_t>();
    for (std::int64_t s = begin * k; s < end * k; ++s) {
      sums.chosen[static_cast<std::size_t>(chosen[s])] += 1;
    }
  }
  return sums;
}

}  // namespace bam
