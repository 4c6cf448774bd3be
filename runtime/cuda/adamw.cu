#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/cuda/kernel.cuh"
#include "runtime/cuda/kernels.h"

namespace bam::cuda {
namespace {

constexpr std::int64_t kMostPieces = 65535;  // blocks a grid may have in y

struct Piece {
  const float* gradient;
  float* weight;
  float* first_moment;
  float* second_moment;
  std::int64_t size;
  bfloat16* rounded;  // or null
  float keep;         // what decay leaves of a weight
};

struct Coefficients {
  float beta1, beta2, rest1, rest2, scale, rate, shrink, epsilon;
};

// Blocks (chunk, piece).
template <int kWidth>
__global__ void adamw_kernel(const Piece* pieces, Coefficients c) {
  const Piece piece = pieces[blockIdx.y];
  const std::int64_t first = place() * kWidth;
  if (first >= piece.size) {
    return;
  }
  const auto g = load<kWidth>(piece.gradient + first);
  auto w = load<kWidth>(piece.weight + first);
  auto m = load<kWidth>(piece.first_moment + first);
  auto v = load<kWidth>(piece.second_moment + first);
  for (int i = 0; i < kWidth; ++i) {
    const float clipped = c.scale * g.at[i];
    m.at[i] = c.beta1 * m.at[i] + c.rest1 * clipped;
    v.at[i] = c.beta2 * v.at[i] + c.rest2 * clipped * clipped;
    w.at[i] = piece.keep * w.at[i] - c.rate * m.at[i] / (sqrtf(v.at[i]) * c.shrink + c.epsilon);
  }
  store(w, piece.weight + first);
  store(m, piece.first_moment + first);
  store(v, piece.second_moment + first);
  if (piece.rounded != nullptr) {
    Pack<bfloat16, kWidth> out;
    for (int i = 0; i < kWidth; ++i) {
      out.at[i] = rounded<bfloat16>(w.at[i]);
    }
    store(out, piece.rounded + first);
  }
}

Coefficients coefficients_of(const AdamwStep& step) {
  const auto count = static_cast<double>(step.step);
  const double correction1 = 1.0 - std::pow(step.beta1, count);
  const double correction2 = 1.0 - std::pow(step.beta2, count);
  return {.beta1 = static_cast<float>(step.beta1),
          .beta2 = static_cast<float>(step.beta2),
          .rest1 = static_cast<float>(1.0 - step.beta1),
          .rest2 = static_cast<float>(1.0 - step.beta2),
          .scale = static_cast<float>(step.gradient_scale),
          .rate = static_cast<float>(step.learning_rate / correction1),
          .shrink = static_cast<float>(1.0 / std::sqrt(correction2)),
          .epsilon = static_cast<float>(step.epsilon)};
}

int width_of_piece(const AdamwPiece& piece) {
  return width_of(piece.weight.elements(), {&piece.gradient, &piece.weight, &piece.first_moment,
                                            &piece.second_moment, &piece.rounded});
}

void update(Stream& stream, const AdamwStep& step, std::span<const AdamwPiece> pieces) {
  std::vector<Piece> table;
  std::int64_t largest = 0;
  int width = 4;
  for (const AdamwPiece& piece : pieces) {
    table.push_back({data_of<float>(piece.gradient), data_of<float>(piece.weight),
                     data_of<float>(piece.first_moment), data_of<float>(piece.second_moment),
                     piece.weight.elements(),
                     piece.rounded.empty() ? nullptr : data_of<bfloat16>(piece.rounded),
                     static_cast<float>(1.0 - step.learning_rate * piece.weight_decay)});
    largest = std::max(largest, piece.weight.elements());
    width = std::min(width, width_of_piece(piece));
  }
  const auto words = static_cast<std::int64_t>(sizeof(Piece) / 4 * table.size());
  const Tensor on_device(stream, {words}, DType::kInt32);
  stream.queue().copy_in(std::as_bytes(std::span(table)), on_device.raw());
  with_width(width, [&]<int kWidth>(std::integral_constant<int, kWidth>) {
    launch(
        stream,
        {.blocks = {blocks_for(largest / kWidth, kThreads), static_cast<unsigned>(table.size())}},
        adamw_kernel<kWidth>, reinterpret_cast<const Piece*>(on_device.raw()),
        coefficients_of(step));
  });
}

}  // namespace

void adamw(Stream& stream, const AdamwStep& step, std::span<const AdamwPiece> pieces) {
  const auto count = static_cast<std::int64_t>(pieces.size());
  for (std::int64_t first = 0; first < count; first += kMostPieces) {
    update(stream, step,
           pieces.subspan(static_cast<std::size_t>(first),
                          static_cast<std::size_t>(std::min(kMostPieces, count - first))));
  }
}

}  // namespace bam::cuda
