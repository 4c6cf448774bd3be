#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_set>

#include "io/token_data.h"

namespace bam {

/// A text's MinHash in bands: two texts share a band with the probability 1 - (1 - s^4)^16, where s
/// is the Jaccard similarity of their sets of five-word shingles: 0.01 at s = 0.15, 0.64 at 0.5,
/// 0.9998 at 0.8 (Broder 1997; Leskovec et al., Mining of Massive Datasets, section 3.4).
using Bands = std::array<std::uint64_t, 16>;
Bands bands_of(std::string_view text);

enum class Side { kTrain, kValidation, kNeither };

/// Keeps the validation side free of texts that nearly duplicate a training text or each other.
/// Three passes over the same documents, in the same order: candidate() for those drawn for
/// validation; then training() for all others; then place() for the candidates again. Memory: the
/// candidates' bands, not the training texts'.
class NearDuplicates {
 public:
  void candidate(const Bands& bands);
  void training(const Bands& bands);
  /// kValidation for a candidate unlike everything; kTrain where it resembles a training text;
  /// kNeither where it resembles one already placed in validation.
  Side place(const Bands& bands);

 private:
  std::unordered_set<std::uint64_t> candidates_;
  std::unordered_set<std::uint64_t> in_training_;  // those of the candidates' bands
  std::unordered_set<std::uint64_t> in_validation_;
};

/// Whether a text is drawn for validation, with the probability `share`: a function of its content.
bool drawn_for_validation(std::string_view text, double share);

}  // namespace bam
