#include "model/key_value_cache.h"

#include "runtime/check.h"
#include "runtime/elementwise.h"

namespace bam {

KeysValues LayerCache::append(Stream& stream, std::size_t entry, const KeysValues& fresh,
                              std::int64_t first) {
  const std::int64_t end = first + fresh.k.rows();
  check(end <= capacity_, "cache of ", capacity_, " tokens asked to hold ", end);
  if (entries_.size() <= entry) {
    entries_.resize(entry + 1);
  }
  KeysValues& all = entries_[entry];
  if (all.k.empty()) {
    const Shape shape = {capacity_, fresh.k.cols()};
    all = {Tensor(stream, shape, fresh.k.dtype()), Tensor(stream, shape, fresh.v.dtype())};
  }
  copy(stream, fresh.k, all.k.slice(first, end));
  copy(stream, fresh.v, all.v.slice(first, end));
  return {all.k.slice(0, end), all.v.slice(0, end)};
}

}  // namespace bam
