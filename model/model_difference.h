#pragma once

#include <string>

#include "model/config.h"

namespace bam {

/// What two models differ in: "d_model: 128 against 256", or nothing where their weights mean the
/// same. Loss weights and initial deviations are no part of that.
std::string difference_of(const ModelConfig& left, const ModelConfig& right);

/// The same without the mixtures: what a mixture and a dense model it is made of differ in.
std::string dense_difference_of(const ModelConfig& left, const ModelConfig& right);

}  // namespace bam
