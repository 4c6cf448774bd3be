#pragma once

#include <functional>
#include <span>
#include <vector>

#include "model/parameter_store.h"
#include "parallel/communicator.h"

namespace bam {

/// One tile of a weight of which several ranks of a group hold a copy.
struct SharedTile {
  Tile tile;
  const ParameterSpec* spec = nullptr;
  Parameter* parameter = nullptr;  // nullptr: this rank has no copy
  int owner = 0;                   // rank of the group; it has a copy
  std::span<const int> holders;    // ranks of the group that have one, ascending
};

/// Sums the copies' gradients onto each tile's owner, in rank order, while backward goes on: a
/// layer's tiles leave as soon as their gradients are whole.
///
///     BEFORE: each copy has its own gradient.    AFTER: each tile's owner has their sum.
///
/// Every rank of the group makes the same calls in the same order. What arrives is summed and let
/// go bucket by bucket, so that few bytes wait in inboxes whatever the model's size.
class GradientSum {
 public:
  /// 32 MiB a bucket: enough to keep a network busy, little against a model.
  static constexpr std::int64_t kBucketElements = std::int64_t{8} << 20;

  /// The same tiles on every rank of the group, each of a weight that is trained. A bucket holds at
  /// most bucket_elements and a tile more, and no more than two full ones' elements are in flight.
  /// `group`, specs, parameters and holders outlive it.
  GradientSum(Communicator& group, const std::vector<SharedTile>& tiles,
              std::int64_t bucket_elements = kBucketElements);

  /// The gradients of the weights that `is_ready` picks are whole: of a layer, or of one weight
  /// outside the layers.
  void ready(Stream& stream, const std::function<bool(const ParameterSpec&)>& is_ready);
  /// All gradients are whole; returns when the owned sums are. The next step starts anew.
  void finish(Stream& stream);

 private:
  struct Bucket {
    std::vector<SharedTile> tiles;  // of one weight, or of one layer
    std::int64_t elements = 0;
    bool is_started = false;
  };
  struct Flight {
    const Bucket* bucket;
    std::vector<Tensor> inboxes;  // (holders - 1, elements) of each owned tile
    Pending transfers;
  };

  void start(Stream& stream, Bucket& bucket);
  void land(Stream& stream);
  void make_room(Stream& stream, std::int64_t elements);

  Communicator& group_;
  std::int64_t bucket_elements_;
  std::vector<Bucket> buckets_;
  std::vector<Flight> flights_;
  std::int64_t in_flight_ = 0;  // elements
};

}  // namespace bam
