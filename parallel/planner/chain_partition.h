#pragma once

#include <vector>

namespace bam {

/// Experts that share so many ranks among them.
struct Chain {
  std::vector<int> experts;
  int ranks = 0;
  double load = 0;
};

constexpr int kMostPartitionExperts = 16;

/// The division of up to 16 experts into chains over the ranks, `slots` each, whose largest load
/// per rank is smallest. A chain of m ranks has at most m (slots - 1) + 1 experts. Goes through all
/// divisions, by the set of experts that are dealt with. Needs ranks * slots >= experts.
std::vector<Chain> best_chains(const std::vector<double>& loads, int ranks, int slots);

}  // namespace bam
