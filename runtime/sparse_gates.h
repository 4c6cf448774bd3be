#pragma once

#include <span>
#include <vector>

#include "runtime/tensor.h"

namespace bam {

/// dense (n, experts) = 0, but dense[i, choices[i, s]] = gates[i, s]. gates (n, k), dense fp32.
void spread_gates(Stream& stream, const Tensor& choices, const Tensor& gates, const Tensor& dense);
/// gates[i, s] = dense[i, choices[i, s]]: the gradient of spread_gates.
void pick_gates(Stream& stream, const Tensor& choices, const Tensor& dense, const Tensor& gates);
/// Of each set of experts the rows, ascending, whose gate is not zero for at least one of them: (m)
/// int32. Waits for the numbers of rows, once for all sets.
std::vector<Tensor> rows_using(Stream& stream, const Tensor& dense,
                               std::span<const std::vector<int>> sets);
/// values[i, j] += addends[j] in every row. addends (d), values (n, d), fp32.
void add_to_rows(Stream& stream, const Tensor& addends, const Tensor& values);
/// (n) int32: first, first + 1, ...
Tensor ascending(Stream& stream, std::int64_t first, std::int64_t n);
/// values[i] + by, of the same shape; int32.
Tensor shifted(Stream& stream, const Tensor& values, std::int64_t by);

}  // namespace bam
