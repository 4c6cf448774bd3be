#include <algorithm>
#include <numeric>
#include <vector>

#include "runtime/cpu/kernels.h"

namespace bam::cpu {

void spread_gates(Stream& /*stream*/, const Tensor& choices, const Tensor& gates,
                  const Tensor& dense) {
  const std::int64_t k = choices.cols();
  const std::int64_t experts = dense.cols();
  const auto chosen = choices.span<std::int32_t>();
  const auto gate = gates.span<float>();
  const auto out = dense.span<float>();
  std::ranges::fill(out, 0.0F);
  for (std::int64_t slot = 0; slot < choices.elements(); ++slot) {
    out[slot / k * experts + chosen[slot]] = gate[slot];
  }
}

void pick_gates(Stream& /*stream*/, const Tensor& choices, const Tensor& dense,
                const Tensor& gates) {
  const std::int64_t k = choices.cols();
  const std::int64_t experts = dense.cols();
  const auto chosen = choices.span<std::int32_t>();
  const auto in = dense.span<float>();
  const auto out = gates.span<float>();
  for (std::int64_t slot = 0; slot < choices.elements(); ++slot) {
    out[slot] = in[slot / k * experts + chosen[slot]];
  }
}

std::vector<Tensor> rows_using(Stream& stream, const Tensor& dense,
                               std::span<const std::vector<int>> sets) {
  const auto gate = dense.span<float>();
  std::vector<Tensor> found;
  for (const std::vector<int>& experts : sets) {
    std::vector<std::int32_t> rows;
    for (std::int64_t i = 0; i < dense.rows(); ++i) {
      const auto is_used = [&](int e) { return gate[i * dense.cols() + e] != 0.0F; };
      if (std::ranges::any_of(experts, is_used)) {
        rows.push_back(static_cast<std::int32_t>(i));
      }
    }
    found.emplace_back(stream, Shape{std::ssize(rows)}, DType::kInt32);
    std::ranges::copy(rows, found.back().data<std::int32_t>());
  }
  return found;
}

void add_to_rows(Stream& /*stream*/, const Tensor& addends, const Tensor& values) {
  const auto row = addends.span<float>();
  const auto out = values.span<float>();
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] += row[i % row.size()];
  }
}

Tensor ascending(Stream& stream, std::int64_t first, std::int64_t n) {
  Tensor out(stream, {n}, DType::kInt32);
  const auto values = out.span<std::int32_t>();
  std::iota(values.begin(), values.end(), static_cast<std::int32_t>(first));
  return out;
}

Tensor shifted(Stream& stream, const Tensor& values, std::int64_t by) {
  Tensor out(stream, values.shape(), DType::kInt32);
  std::ranges::transform(values.span<std::int32_t>(), out.data<std::int32_t>(),
                         [&](std::int32_t value) { return value + static_cast<std::int32_t>(by); });
  return out;
}

}  // namespace bam::cpu
