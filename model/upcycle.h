#pragma once

#include <string>

#include "model/parameters.h"

namespace bam {

/// Where one weight of a mixture comes from. The dense weight of the same tensor name is meant;
/// parent 0 is the seed.
struct Origin {
  enum class How {
    kCopy,     // of `parent`'s weight
    kAverage,  // of all parents' weights, uniform
    kRandom,   // initial values
  };
  How how = How::kAverage;
  int parent = 0;  // under kCopy
};

/// The upcycling rule (paper, section 3): expert i's weights are dense model i's, FFN experts beyond
/// the parents are the seed's; routers are random; all else is averaged.
Origin origin_of(const ParameterSpec& spec, int parents);

/// Throws BadInput unless the mixture can be made of `parents` dense models: at least two, as many
/// attention experts (where there are any), and no fewer FFN experts.
void validate_upcycle(const ModelConfig& mixture, int parents);

/// Throws BadInput, naming parent and difference, unless the parent is a dense model of the
/// mixture's shape.
void validate_parent(const ModelConfig& mixture, const ModelConfig& parent,
                     const std::string& name);

}  // namespace bam
