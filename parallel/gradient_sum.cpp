#include "parallel/gradient_sum.h"

#include <algorithm>

#include "runtime/elementwise.h"

namespace bam {
namespace {

Tensor gradient_of(const SharedTile& shared) {
  const Tensor& whole = shared.parameter->gradient;
  return whole.reshape({whole.elements()}).slice(shared.tile.begin, shared.tile.end);
}

// Among the tile's holders.
int place_of(const SharedTile& tile, int rank) {
  return static_cast<int>(std::ranges::find(tile.holders, rank) - tile.holders.begin());
}

// On the host.
void sum_in_one_pass(const Tensor& inbox, int own_place, std::int64_t elements, float* own) {
  constexpr std::int64_t kPiece = 4096;
  const float* others = inbox.data<float>();
  const auto copies = static_cast<int>(inbox.rows()) + 1;
#pragma omp parallel for schedule(static)
  for (std::int64_t begin = 0; begin < elements; begin += kPiece) {
    float sum[kPiece];
    const std::int64_t count = std::min(kPiece, elements - begin);
    for (int copy = 0; copy < copies; ++copy) {
      const int row = copy < own_place ? copy : copy - 1;
      const float* part = (copy == own_place ? own : others + row * elements) + begin;
      for (std::int64_t i = 0; i < count; ++i) {
        sum[i] = copy == 0 ? part[i] : sum[i] + part[i];
      }
    }
    std::copy_n(sum, count, own + begin);
  }
}

// The same in passes of the stream's device: on a GPU. The first two copies are added into the
// place of either, since that gives the same bits.
void sum_in_passes(Stream& stream, const Tensor& inbox, int own_place, const Tensor& own) {
  const auto copies = static_cast<int>(inbox.rows()) + 1;
  const auto copy_at = [&](int place) {
    const std::int64_t row = place < own_place ? place : place - 1;
    return place == own_place ? own : inbox.slice(row, row + 1).reshape(own.shape());
  };
  const Tensor sum = copy_at(own_place == 1 ? 1 : 0);
  add(stream, copy_at(own_place == 1 ? 0 : 1), sum);
  for (int place = 2; place < copies; ++place) {
    add(stream, copy_at(place), sum);
  }
  if (own_place > 1) {
    copy(stream, sum, own);
  }
}

// own (elements) = sum over copies in order; inbox (copies - 1, elements) has the others' rows.
// inbox is used up.
void sum_in_order(Stream& stream, const Tensor& inbox, int own_place, const Tensor& own) {
  if (inbox.rows() == 0) {
    return;
  }
  if (own.is_on_host()) {
    sum_in_one_pass(inbox, own_place, own.elements(), own.data<float>());
  } else {
    sum_in_passes(stream, inbox, own_place, own);
  }
}

}  // namespace

GradientSum::GradientSum(Communicator& group, const std::vector<SharedTile>& tiles,
                         std::int64_t bucket_elements)
    : group_(group), bucket_elements_(bucket_elements) {
  if (group.size() == 1) {
    return;
  }
  for (const SharedTile& tile : tiles) {
    const int layer = tile.spec->layer;
    const bool joins = !buckets_.empty() && layer != ParameterSpec::kNone &&
                       layer == buckets_.back().tiles[0].spec->layer;
    const bool continues =
        !buckets_.empty() && tile.tile.spec == buckets_.back().tiles[0].tile.spec;
    if (!(joins || continues) || buckets_.back().elements >= bucket_elements_) {
      buckets_.emplace_back();
    }
    buckets_.back().tiles.push_back(tile);
    buckets_.back().elements += tile.tile.elements();
  }
}

void GradientSum::ready(Stream& stream, const std::function<bool(const ParameterSpec&)>& is_ready) {
  for (Bucket& bucket : buckets_) {
    if (!bucket.is_started && is_ready(*bucket.tiles[0].spec)) {
      make_room(stream, bucket.elements);
      start(stream, bucket);
    }
  }
}

void GradientSum::finish(Stream& stream) {
  ready(stream, [](const ParameterSpec&) { return true; });
  while (!flights_.empty()) {
    land(stream);
  }
  for (Bucket& bucket : buckets_) {
    bucket.is_started = false;
  }
}

void GradientSum::start(Stream& stream, Bucket& bucket) {
  Flight flight{&bucket, {}, {}};
  std::vector<Transfer> sends;
  std::vector<Transfer> receives;
  for (const SharedTile& tile : bucket.tiles) {
    if (tile.parameter == nullptr) {
      continue;
    }
    if (tile.owner != group_.rank()) {
      sends.push_back({tile.owner, gradient_of(tile)});
      continue;
    }
    flight.inboxes.emplace_back(stream, Shape{std::ssize(tile.holders) - 1, tile.tile.elements()},
                                DType::kFloat32);
    std::int64_t row = 0;
    for (const int peer : tile.holders) {
      if (peer != group_.rank()) {
        receives.push_back({peer, flight.inboxes.back().slice(row, row + 1)});
        ++row;
      }
    }
  }
  flight.transfers = group_.transfer(stream, std::move(sends), std::move(receives));
  flights_.push_back(std::move(flight));
  in_flight_ += bucket.elements;
  bucket.is_started = true;
}

// Waits for the oldest bucket and sums what came.
void GradientSum::land(Stream& stream) {
  Flight flight = std::move(flights_.front());
  flights_.erase(flights_.begin());
  flight.transfers.wait(stream);
  const Traced traced(stream, Activity::kOptimizer, "sum_gradients");
  auto inbox = flight.inboxes.begin();
  for (const SharedTile& tile : flight.bucket->tiles) {
    if (tile.owner == group_.rank()) {
      sum_in_order(stream, *inbox++, place_of(tile, group_.rank()), gradient_of(tile));
    }
  }
  in_flight_ -= flight.bucket->elements;
}

void GradientSum::make_room(Stream& stream, std::int64_t elements) {
  while (!flights_.empty() &&
         (in_flight_ + elements > 2 * bucket_elements_ || flights_.front().transfers.done())) {
    land(stream);
  }
}

}  // namespace bam
