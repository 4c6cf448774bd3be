#pragma once

#include <vector>

#include "runtime/tensor.h"

namespace bam {

/// Keys and values of some rows, rotated. (n, kv_heads * head_dim) each, or as many of them beside
/// each other as experts are side by side.
struct KeysValues {
  Tensor k;
  Tensor v;
};

/// The keys and values one layer has computed so far for the sequence being generated: one entry for
/// experts that are side by side, or a single one where they are shared.
class LayerCache {
 public:
  explicit LayerCache(std::int64_t capacity) : capacity_(capacity) {}

  /// Puts `fresh` (m rows) at row `first` of entry `entry`; returns rows [0, first + m).
  KeysValues append(Stream& stream, std::size_t entry, const KeysValues& fresh,
                    std::int64_t first);

 private:
  std::int64_t capacity_;  // rows
  std::vector<KeysValues> entries_;
};

/// What generation keeps between tokens.
struct KeyValueCache {
  KeyValueCache(int n_layers, std::int64_t rows)
      : capacity(rows), layers(static_cast<std::size_t>(n_layers), LayerCache(rows)) {}

  std::int64_t capacity;    // tokens
  std::int64_t length = 0;  // tokens seen
  std::vector<LayerCache> layers;
};

}  // namespace bam
