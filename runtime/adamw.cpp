#include "runtime/adamw.h"

#include "runtime/check.h"
#include "runtime/kernels.h"

namespace bam {
namespace {

constexpr double kOperationsPerWeight = 12;

}  // namespace

void adamw(Stream& stream, const AdamwStep& step, std::span<const AdamwPiece> pieces) {
  const Traced traced(stream, Activity::kOptimizer, "adamw");
  check(step.step >= 1, "adamw step ", step.step, ": the first is 1");
  for (const AdamwPiece& piece : pieces) {
    stream.count_operations(kOperationsPerWeight * static_cast<double>(piece.weight.elements()));
    check(piece.rounded.empty() || (piece.rounded.elements() == piece.weight.elements() &&
                                    piece.rounded.dtype() == DType::kBFloat16),
          "adamw of weights ", text_of(piece.weight.shape()), " rounded to ",
          name_of(piece.rounded.dtype()), " ", text_of(piece.rounded.shape()));
    for (const Tensor* part : {&piece.gradient, &piece.first_moment, &piece.second_moment}) {
      check(part->elements() == piece.weight.elements() && part->dtype() == DType::kFloat32 &&
                piece.weight.dtype() == DType::kFloat32,
            "adamw of weights ", name_of(piece.weight.dtype()), " ", text_of(piece.weight.shape()),
            " with ", name_of(part->dtype()), " ", text_of(part->shape()));
    }
  }
  kernels_of(stream).adamw(stream, step, pieces);
}

}  // namespace bam
