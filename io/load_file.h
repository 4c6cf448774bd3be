#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bam {

/// Tokens of each expert in each layer: [layer][expert].
using LoadMatrix = std::vector<std::vector<double>>;

/// What a file of expert loads holds; one matrix a window, all of the same shape.
struct LoadFile {
  std::vector<LoadMatrix> attention;  // empty where the file tells nothing of them
  std::vector<LoadMatrix> ffn;
};

/// Reads expert loads by the file's ending:
///
///   .csv   a line a layer, a number an expert; an empty line begins another window; # comments
///   .jsonl a routing trace that training wrote (io/routing_trace.h)
///   .json  [layer][expert] or [window][layer][expert], or {"attention": .., "ffn": ..} of these
///
/// Throws BadInput naming file and place (line and field, or index) for whatever is not a number of
/// at least 0, for lines of different lengths, windows of different shapes, and loads that are all
/// 0. `domain`: of a routing trace the tokens of this domain alone; empty: of all.
LoadFile read_loads(const std::filesystem::path& path, const std::string& domain = "");

/// Throws BadInput, naming `source`, unless the windows are of one shape and not all zero, and
/// every number is finite and not negative.
void check_windows(const std::vector<LoadMatrix>& windows, const std::string& source);

}  // namespace bam
